// A shop's order desk in Go: pages, filters, lookups, an order, and errors. It prints what it saw as JSON.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/shopspring/decimal"
	"github.com/vektah/gqlparser/v2/gqlerror"

	. "tidegraph/client/generated"
)

const page = 2

var ctx = context.Background()

// withoutNulls leaves out what is not set, in all inputs: filters and @oneOf inputs reject null.
type withoutNulls struct{ graphql.Client }

func (c withoutNulls) MakeRequest(ctx context.Context, request *graphql.Request, response *graphql.Response) error {
	text, err := json.Marshal(request.Variables)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var variables any
	if err := decoder.Decode(&variables); err != nil {
		return err
	}
	sent := *request
	sent.Variables = prune(variables)
	return c.Client.MakeRequest(ctx, &sent, response)
}

func prune(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			if member == nil {
				delete(value, name)
			} else {
				prune(member)
			}
		}
	case []any:
		for _, item := range value {
			prune(item)
		}
	}
	return value
}

// withKey sends the API key with every request.
type withKey struct{ key string }

func (t withKey) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+t.key)
	return http.DefaultTransport.RoundTrip(request)
}

// codeOf finds the code of an error, also when the server answers 401 or 429.
func codeOf(err error) any {
	var list gqlerror.List
	var status *graphql.HTTPError
	if errors.As(err, &status) {
		list = status.Response.Errors
	} else if !errors.As(err, &list) {
		return err.Error()
	}
	return list[0].Extensions["code"]
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func allCustomers(client graphql.Client) (shop [][]any, first string) {
	var after *string
	for {
		customers := must(Customers(ctx, client, page, after, page)).Customers
		for _, customer := range customers.Nodes {
			ids := []string{}
			for _, order := range customer.Orders.Nodes {
				ids = append(ids, order.Id)
			}
			more, cursor := customer.Orders.PageInfo.HasNextPage, customer.Orders.PageInfo.EndCursor
			for more {
				by := &CustomerBy{Id: &customer.Id}
				orders := must(OrdersOfCustomer(ctx, client, by, page, cursor)).Customer.Orders
				for _, order := range orders.Nodes {
					ids = append(ids, order.Id)
				}
				more, cursor = orders.PageInfo.HasNextPage, orders.PageInfo.EndCursor
			}
			if first == "" {
				first = customer.Id
			}
			shop = append(shop, []any{customer.Username, ids})
		}
		if !customers.PageInfo.HasNextPage {
			return shop, first
		}
		after = customers.PageInfo.EndCursor
	}
}

func main() {
	url, key, reference := os.Args[1], os.Args[2], os.Args[3]
	client := withoutNulls{graphql.NewClient(url, &http.Client{Transport: withKey{key}})}
	shop, customer := allCustomers(client)
	username := shop[0][0].(string)
	found := must(OrdersOfCustomer(ctx, client, &CustomerBy{Username: &username}, page, nil)).Customer

	placed := must(time.Parse(time.RFC3339Nano, "2026-02-28T10:30:00.000001+01:00"))
	filtered := []string{}
	where := &OrderWhere{
		Status:   &OrderStatusFilter{In: []OrderStatus{OrderStatusPending, OrderStatusPaid}},
		PlacedAt: &DateTimeFilter{Gte: &placed},
	}
	for _, order := range must(FilteredOrders(ctx, client, where)).Orders.Nodes {
		filtered = append(filtered, order.Id)
	}

	input := &CreateOrderInput{
		CustomerId: customer,
		Reference:  &reference,
		PlacedAt:   &placed,
		Total:      &MoneyInput{Amount: decimal.RequireFromString("0.1"), Currency: "EUR"},
	}
	order := must(CreateOrder(ctx, client, input)).CreateOrder.Order
	taken := [][]any{}
	for _, userError := range must(CreateOrder(ctx, client, input)).CreateOrder.UserErrors {
		seen := []any{userError.GetCode(), userError.GetPath()}
		switch userError := userError.(type) {
		case *CreateOrderCreateOrderCreateOrderPayloadUserErrorsValueTakenError:
			seen = append(seen, userError.Value)
		}
		taken = append(taken, seen)
	}

	_, forbidden := DeleteCustomer(ctx, client, &DeleteCustomerInput{Id: customer})
	_, unauthenticated := Customers(ctx, graphql.NewClient(url, http.DefaultClient), 1, nil, 1)

	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"shop":     shop,
		"found":    found.Username,
		"filtered": filtered,
		"created":  order.Id,
		"placed":   order.PlacedAt.Equal(placed),
		"sum":      order.Total.Amount.Add(decimal.RequireFromString("0.2")),
		"taken":    taken,
		"codes":    []any{codeOf(forbidden), codeOf(unauthenticated)},
	})
}
