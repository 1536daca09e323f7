package client;

import client.generated.types.CreateOrderInput;
import client.generated.types.CreateOrderPayload;
import client.generated.types.Customer;
import client.generated.types.CustomerBy;
import client.generated.types.CustomerConnection;
import client.generated.types.DateTimeFilter;
import client.generated.types.DeleteCustomerInput;
import client.generated.types.MoneyInput;
import client.generated.types.Order;
import client.generated.types.OrderConnection;
import client.generated.types.OrderStatus;
import client.generated.types.OrderStatusFilter;
import client.generated.types.OrderWhere;
import client.generated.types.PageInfo;
import client.generated.types.UserError;
import client.generated.types.ValueTakenError;
import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.math.BigDecimal;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A shop's order desk in Java: pages, filters, lookups, an order, and errors. It prints what it saw as JSON. */
public class Main {
  static final int PAGE = 2;

  // Filters and @oneOf inputs reject null, so what is not set is left out. Amounts and times are strings.
  static final ObjectMapper JSON =
      JsonMapper.builder()
          .addModule(new JavaTimeModule())
          .serializationInclusion(JsonInclude.Include.NON_NULL)
          .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
          .withConfigOverride(BigDecimal.class, type -> type.setFormat(JsonFormat.Value.forShape(JsonFormat.Shape.STRING)))
          .build();

  static class ErrorWithCode extends RuntimeException {
    final String code;

    ErrorWithCode(JsonNode error) {
      super(error.path("message").asText());
      code = error.path("extensions").path("code").asText();
    }
  }

  record Client(String url, String key, String document, HttpClient http) {
    /** The data of a root field, as a generated type. */
    <T> T send(String operation, String field, Class<T> type, Map<String, Object> variables) throws Exception {
      var body = Map.of("query", document, "operationName", operation, "variables", variables);
      var request =
          HttpRequest.newBuilder(URI.create(url))
              .header("Content-Type", "application/json")
              .POST(HttpRequest.BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body)));
      if (key != null) request.header("Authorization", "Bearer " + key);
      var response = JSON.readTree(http.send(request.build(), HttpResponse.BodyHandlers.ofByteArray()).body());
      // A 401 or 429 has a body with errors, too.
      if (response.has("errors")) throw new ErrorWithCode(response.path("errors").path(0));
      return JSON.treeToValue(response.path("data").path(field), type);
    }

    Customer ordersOf(CustomerBy by, String after) throws Exception {
      return send("OrdersOfCustomer", "customer", Customer.class, variables("by", by, "first", PAGE, "after", after));
    }

    List<Customer> allCustomers() throws Exception {
      var found = new ArrayList<Customer>();
      String after = null;
      PageInfo info;
      do {
        var page =
            send("Customers", "customers", CustomerConnection.class, variables("first", PAGE, "after", after, "orders", PAGE));
        for (var customer : page.getNodes()) {
          for (var orders = customer.getOrders(); orders.getPageInfo().getHasNextPage(); ) {
            orders = ordersOf(byId(customer.getId()), orders.getPageInfo().getEndCursor()).getOrders();
            customer.getOrders().getNodes().addAll(orders.getNodes());
          }
          found.add(customer);
        }
        info = page.getPageInfo();
        after = info.getEndCursor();
      } while (info.getHasNextPage());
      return found;
    }
  }

  static Map<String, Object> variables(Object... pairs) {
    var variables = new HashMap<String, Object>();
    for (int i = 0; i < pairs.length; i += 2) variables.put((String) pairs[i], pairs[i + 1]);
    return variables;
  }

  static CustomerBy byId(String id) {
    var by = new CustomerBy();
    by.setId(id);
    return by;
  }

  static List<String> ids(OrderConnection orders) {
    return orders.getNodes().stream().map(Order::getId).toList();
  }

  static List<Object> seen(UserError error) {
    return error instanceof ValueTakenError taken
        ? List.of(taken.getCode(), taken.getPath(), taken.getValue())
        : List.of(error.getCode(), error.getPath());
  }

  interface Request {
    Object send() throws Exception;
  }

  static String codeOf(Request request) throws Exception {
    try {
      request.send();
      return "OK";
    } catch (ErrorWithCode error) {
      return error.code;
    }
  }

  public static void main(String[] args) throws Exception {
    String document = Files.readString(Path.of("../operations.graphql")), reference = args[2];
    var client = new Client(args[0], args[1], document, HttpClient.newHttpClient());
    var customers = client.allCustomers();
    var shop = customers.stream().map(each -> List.of(each.getUsername(), ids(each.getOrders()))).toList();
    String customer = customers.get(0).getId();

    var by = new CustomerBy();
    by.setUsername(customers.get(0).getUsername());
    String found = client.ordersOf(by, null).getUsername();

    var placed = OffsetDateTime.parse("2026-02-28T10:30:00.000001+01:00");
    var where =
        OrderWhere.newBuilder()
            .status(OrderStatusFilter.newBuilder().in(List.of(OrderStatus.PENDING, OrderStatus.PAID)).build())
            .placedAt(DateTimeFilter.newBuilder().gte(placed).build())
            .build();
    var filtered = client.send("FilteredOrders", "orders", OrderConnection.class, variables("where", where));

    var input =
        CreateOrderInput.newBuilder()
            .customerId(customer)
            .reference(reference)
            .placedAt(placed)
            .total(MoneyInput.newBuilder().amount(new BigDecimal("0.1")).currency("EUR").build())
            .build();
    var create = variables("input", input);
    var order = client.send("CreateOrder", "createOrder", CreateOrderPayload.class, create).getOrder();
    var refused = client.send("CreateOrder", "createOrder", CreateOrderPayload.class, create).getUserErrors();

    var delete = variables("input", DeleteCustomerInput.newBuilder().id(customer).build());
    var anonymous = new Client(args[0], null, document, client.http());
    var codes =
        List.of(
            codeOf(() -> client.send("DeleteCustomer", "deleteCustomer", Object.class, delete)),
            codeOf(anonymous::allCustomers));

    var report = new HashMap<String, Object>();
    report.put("shop", shop);
    report.put("found", found);
    report.put("filtered", ids(filtered));
    report.put("created", order.getId());
    report.put("placed", order.getPlacedAt().isEqual(placed));
    report.put("sum", order.getTotal().getAmount().add(new BigDecimal("0.2")));
    report.put("taken", refused.stream().map(Main::seen).toList());
    report.put("codes", codes);
    System.out.println(JSON.writeValueAsString(report));
  }
}
