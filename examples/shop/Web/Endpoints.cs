using Shop.Background;
using Shop.Carts;
using Shop.Catalogue;
using Shop.Orders;
using Shop.Payments;

namespace Shop.Web;

public sealed record AddItem(int ProductId, int Quantity);

public sealed record Login(string Customer, string Password);

public static class Endpoints
{
    private const int PageSize = 20;

    public static void MapShop(this WebApplication app)
    {
        app.MapGet("/health", () => Results.Ok(new { Status = "ok" }));
        app.MapGet("/stats", GetStats);

        var shop = app.MapGroup("").AddEndpointFilter<ShopErrors>();
        shop.MapGet("/products", ListProducts);
        shop.MapGet("/products/{id:int}", GetProduct);
        shop.MapGet("/products/sku/{sku}", GetProductBySku);
        shop.MapGet("/cart/{customer}", GetCart);
        shop.MapPost("/cart/{customer}/items", AddToCart);
        shop.MapPost("/orders", PlaceOrder);
        shop.MapGet("/orders/{id:int}", GetOrder);
        shop.MapGet("/orders/of/{customer}", (string customer, OrderService orders) => orders.HistoryAsync(customer));
        shop.MapPost("/login", LogIn);
    }

    private static IResult GetStats(SalesBoard board) =>
        Results.Ok(new { Calls = CallCounts.Snapshot(), Sales = board.Latest });

    private static Task<Product> GetProduct(int id, CatalogueService catalogue, CancellationToken cancel) =>
        catalogue.FindAsync(id, cancel);

    private static Task<Product> GetProductBySku(string sku, CatalogueService catalogue, CancellationToken cancel) =>
        catalogue.FindBySkuAsync(sku, cancel);

    private static Task<List<CartItem>> GetCart(string customer, CartService carts, CancellationToken cancel) =>
        carts.GetAsync(customer, cancel);

    private static Task<Order> GetOrder(int id, OrderService orders, CancellationToken cancel) =>
        orders.GetAsync(id, cancel);

    private static IResult LogIn(Login login, AccountService accounts) =>
        Results.Ok(new { Token = accounts.Login(login.Customer, login.Password) });

    private static Task<IReadOnlyList<Product>> ListProducts(
        CatalogueService catalogue,
        CancellationToken cancel,
        Category? category = null,
        string? search = null,
        decimal? maxPrice = null,
        int page = 0) =>
        catalogue.ListAsync(new ProductQuery(category, search, maxPrice, Math.Max(page, 0), PageSize), cancel);

    private static async Task<IResult> AddToCart(
        string customer, AddItem item, CartService carts, CancellationToken cancel)
    {
        var added = await carts.AddAsync(customer, item.ProductId, item.Quantity, cancel);
        return Results.Created($"/cart/{customer}", added);
    }

    private static async Task<IResult> PlaceOrder(PlaceOrder request, OrderService orders, CancellationToken cancel)
    {
        var order = await orders.PlaceAsync(request, cancel);
        return Results.Created($"/orders/{order.Id}", order);
    }
}
