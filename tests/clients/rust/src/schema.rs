//! The operations, checked against schema.graphql when they are compiled.
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

#[cynic::schema("tidegraph")]
mod schema {}

// Exact amounts, sent and received as strings.
cynic::impl_scalar!(Decimal, schema::Decimal);
cynic::impl_scalar!(DateTime<Utc>, schema::DateTime);

#[derive(cynic::Scalar)]
pub struct CurrencyCode(pub String);

#[derive(cynic::QueryVariables)]
pub struct CustomersVariables {
    pub first: i32,
    pub after: Option<String>,
    pub orders: i32,
}

#[derive(cynic::QueryFragment)]
#[cynic(graphql_type = "Query", variables = "CustomersVariables")]
pub struct Customers {
    #[arguments(first: $first, after: $after)]
    pub customers: Option<CustomerConnection>,
}

#[derive(cynic::QueryFragment)]
#[cynic(variables = "CustomersVariables")]
pub struct CustomerConnection {
    pub nodes: Vec<Customer>,
    pub page_info: PageInfo,
}

#[derive(cynic::QueryFragment)]
#[cynic(variables = "CustomersVariables")]
pub struct Customer {
    pub id: cynic::Id,
    pub username: String,
    #[arguments(first: $orders)]
    pub orders: OrderConnection,
}

#[derive(cynic::QueryFragment)]
pub struct OrderConnection {
    pub nodes: Vec<Order>,
    pub page_info: PageInfo,
}

#[derive(cynic::QueryFragment)]
pub struct Order {
    pub id: cynic::Id,
    pub placed_at: DateTime<Utc>,
    pub total: Money,
}

#[derive(cynic::QueryFragment)]
pub struct Money {
    pub amount: Decimal,
}

#[derive(cynic::QueryFragment)]
pub struct PageInfo {
    pub has_next_page: bool,
    pub end_cursor: Option<String>,
}

// A @oneOf input is an enum: exactly one of its fields is sent.
#[derive(cynic::InputObject)]
#[allow(dead_code)]
pub enum CustomerBy {
    Id(cynic::Id),
    Username(String),
    Email(String),
}

#[derive(cynic::QueryVariables)]
pub struct OrdersOfCustomerVariables {
    pub by: CustomerBy,
    pub first: i32,
    pub after: Option<String>,
}

#[derive(cynic::QueryFragment)]
#[cynic(graphql_type = "Query", variables = "OrdersOfCustomerVariables")]
pub struct OrdersOfCustomer {
    #[arguments(by: $by)]
    pub customer: Option<CustomerWithOrders>,
}

#[derive(cynic::QueryFragment)]
#[cynic(graphql_type = "Customer", variables = "OrdersOfCustomerVariables")]
pub struct CustomerWithOrders {
    pub username: String,
    #[arguments(first: $first, after: $after)]
    pub orders: OrderConnection,
}

#[derive(cynic::Enum)]
pub enum OrderStatus {
    Pending,
    Paid,
    Fulfilled,
    Cancelled,
    Refunded,
}

// Leave out what is not set: filters reject null.
#[derive(cynic::InputObject)]
pub struct OrderWhere {
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub status: Option<OrderStatusFilter>,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub placed_at: Option<DateTimeFilter>,
}

#[derive(cynic::InputObject)]
pub struct OrderStatusFilter {
    #[cynic(rename = "in", skip_serializing_if = "Option::is_none")]
    pub any_of: Option<Vec<OrderStatus>>,
}

#[derive(cynic::InputObject, Default)]
pub struct DateTimeFilter {
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub gte: Option<DateTime<Utc>>,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub lt: Option<DateTime<Utc>>,
}

#[derive(cynic::QueryVariables)]
pub struct FilteredOrdersVariables {
    #[cynic(rename = "where")]
    pub filter: OrderWhere,
}

#[derive(cynic::QueryFragment)]
#[cynic(graphql_type = "Query", variables = "FilteredOrdersVariables")]
pub struct FilteredOrders {
    #[arguments(first: 100, where: $filter)]
    pub orders: Option<OrderConnection>,
}

#[derive(cynic::InputObject)]
pub struct MoneyInput {
    pub amount: Decimal,
    pub currency: CurrencyCode,
}

#[derive(cynic::InputObject)]
pub struct CreateOrderInput {
    pub customer_id: cynic::Id,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub total: Option<MoneyInput>,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub placed_at: Option<DateTime<Utc>>,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[cynic(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

#[derive(cynic::QueryVariables)]
pub struct CreateOrderVariables {
    pub input: CreateOrderInput,
}

#[derive(cynic::QueryFragment)]
#[cynic(graphql_type = "Mutation", variables = "CreateOrderVariables")]
pub struct CreateOrder {
    #[arguments(input: $input)]
    pub create_order: Option<CreateOrderPayload>,
}

#[derive(cynic::QueryFragment)]
pub struct CreateOrderPayload {
    pub order: Option<Order>,
    pub user_errors: Vec<UserError>,
}

#[derive(cynic::InlineFragments)]
pub enum UserError {
    ValueTakenError(ValueTakenError),
    #[cynic(fallback)]
    Other(OtherError),
}

#[derive(cynic::QueryFragment)]
pub struct ValueTakenError {
    pub code: UserErrorCode,
    pub path: Vec<String>,
    pub value: String,
}

#[derive(cynic::QueryFragment)]
#[cynic(graphql_type = "UserError")]
pub struct OtherError {
    pub message: String,
}

// Codes are added: the fallback takes those that this program does not know.
#[derive(cynic::Enum, Debug)]
#[cynic(non_exhaustive)]
pub enum UserErrorCode {
    Taken,
    #[cynic(fallback)]
    Other,
}

#[derive(cynic::InputObject)]
pub struct DeleteCustomerInput {
    pub id: cynic::Id,
}

#[derive(cynic::QueryVariables)]
pub struct DeleteCustomerVariables {
    pub input: DeleteCustomerInput,
}

#[derive(cynic::QueryFragment)]
#[cynic(graphql_type = "Mutation", variables = "DeleteCustomerVariables")]
#[allow(dead_code)]
pub struct DeleteCustomer {
    #[arguments(input: $input)]
    pub delete_customer: Option<DeleteCustomerPayload>,
}

#[derive(cynic::QueryFragment)]
#[allow(dead_code)]
pub struct DeleteCustomerPayload {
    pub deleted_id: Option<cynic::Id>,
}
