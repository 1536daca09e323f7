//! A shop's order desk in Rust: pages, filters, lookups, an order, and errors. It prints what it saw as JSON.
mod schema;

use chrono::{DateTime, Utc};
use cynic::{GraphQlResponse, MutationBuilder, Operation, QueryBuilder};
use rust_decimal::Decimal;
use schema::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const PAGE: i32 = 2;

#[derive(Deserialize)]
struct Extensions {
    code: String,
}

struct Client {
    agent: ureq::Agent,
    url: String,
    key: Option<String>,
}

impl Client {
    fn new(url: &str, key: Option<&str>) -> Self {
        // A 401 or 429 has a body with errors, too.
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Client { agent, url: url.into(), key: key.map(Into::into) }
    }

    fn send<T: DeserializeOwned, V: Serialize>(&self, operation: Operation<T, V>) -> GraphQlResponse<T, Extensions> {
        let mut request = self.agent.post(&self.url);
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        request.send_json(operation).unwrap().body_mut().read_json().unwrap()
    }

    fn data<T: DeserializeOwned, V: Serialize>(&self, operation: Operation<T, V>) -> T {
        self.send(operation).data.unwrap()
    }

    fn orders_of(&self, by: &str, after: Option<String>) -> CustomerWithOrders {
        let by = CustomerBy::Id(by.into());
        let variables = OrdersOfCustomerVariables { by, first: PAGE, after };
        self.data(OrdersOfCustomer::build(variables)).customer.unwrap()
    }

    fn all_customers(&self) -> Vec<Value> {
        let mut shop = vec![];
        let mut after = None;
        loop {
            let variables = CustomersVariables { first: PAGE, after, orders: PAGE };
            let page = self.data(Customers::build(variables)).customers.unwrap();
            for customer in page.nodes {
                let mut orders = ids(&customer.orders);
                let mut info = customer.orders.page_info;
                while info.has_next_page {
                    let more = self.orders_of(customer.id.inner(), info.end_cursor).orders;
                    orders.extend(ids(&more));
                    info = more.page_info;
                }
                shop.push(json!([customer.username, orders, customer.id.inner()]));
            }
            if !page.page_info.has_next_page {
                return shop;
            }
            after = page.page_info.end_cursor;
        }
    }
}

fn ids(orders: &OrderConnection) -> Vec<String> {
    orders.nodes.iter().map(|order| order.id.inner().to_owned()).collect()
}

fn code<T>(response: GraphQlResponse<T, Extensions>) -> String {
    response.errors.unwrap()[0].extensions.as_ref().unwrap().code.clone()
}

fn main() {
    let [_, url, key, reference] = std::env::args().collect::<Vec<_>>().try_into().unwrap();
    let client = Client::new(&url, Some(&key));
    let shop = client.all_customers();
    let (username, customer) = (shop[0][0].as_str().unwrap(), shop[0][2].as_str().unwrap());

    let by = CustomerBy::Username(username.into());
    let variables = OrdersOfCustomerVariables { by, first: PAGE, after: None };
    let found = client.data(OrdersOfCustomer::build(variables)).customer.unwrap();

    let placed: DateTime<Utc> = "2026-02-28T10:30:00.000001+01:00".parse().unwrap();
    let filter = OrderWhere {
        status: Some(OrderStatusFilter { any_of: Some(vec![OrderStatus::Pending, OrderStatus::Paid]) }),
        placed_at: Some(DateTimeFilter { gte: Some(placed), lt: None }),
    };
    let filtered = client.data(FilteredOrders::build(FilteredOrdersVariables { filter })).orders.unwrap();

    let input = || CreateOrderInput {
        customer_id: customer.into(),
        total: Some(MoneyInput { amount: Decimal::new(1, 1), currency: CurrencyCode("EUR".into()) }),
        placed_at: Some(placed),
        reference: Some(reference.clone()),
        idempotency_key: None,
    };
    let create = || client.data(CreateOrder::build(CreateOrderVariables { input: input() })).create_order.unwrap();
    let order = create().order.unwrap();
    let taken: Vec<_> = create()
        .user_errors
        .iter()
        .map(|error| match error {
            UserError::ValueTakenError(ValueTakenError { code, path, value }) => {
                json!([format!("{code:?}").to_uppercase(), path, value])
            }
            UserError::Other(OtherError { message }) => json!([message]),
        })
        .collect();

    let delete = DeleteCustomerVariables { input: DeleteCustomerInput { id: customer.into() } };
    let forbidden = code(client.send(DeleteCustomer::build(delete)));
    let variables = CustomersVariables { first: 1, after: None, orders: 1 };
    let unauthenticated = code(Client::new(&url, None).send(Customers::build(variables)));

    let report = json!({
        "shop": shop.iter().map(|row| json!([row[0], row[1]])).collect::<Vec<_>>(),
        "found": found.username,
        "filtered": ids(&filtered),
        "created": order.id.inner(),
        "placed": order.placed_at == placed,
        "sum": (order.total.amount + Decimal::new(2, 1)).to_string(),
        "taken": taken,
        "codes": [forbidden, unauthenticated],
    });
    println!("{report}");
}
