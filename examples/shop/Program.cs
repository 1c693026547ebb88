using Microsoft.EntityFrameworkCore;
using Shop.Background;
using Shop.Carts;
using Shop.Catalogue;
using Shop.Data;
using Shop.Orders;
using Shop.Payments;
using Shop.Web;

var builder = WebApplication.CreateBuilder(args);
using var database = new TemporaryDatabase();

builder.Services.AddDbContextPool<ShopContext>(options => database.Configure(options));
builder.Services.AddSingleton<WriteLock>();
builder.Services.AddScoped(typeof(IRepository<>), typeof(Repository<>));
builder.Services.AddScoped<CatalogueService>();
builder.Services.AddScoped<CartService>();
builder.Services.AddScoped<OrderService>();
builder.Services.AddSingleton<AccountService>();
builder.Services.AddSingleton<IPaymentGateway, CardGateway>();
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddSingleton<SalesBoard>();
builder.Services.AddHostedService<RestockService>();
builder.Services.AddHostedService<SalesSummaryService>();
builder.Services.ConfigureHttpJsonOptions(options => ShopJson.Configure(options.SerializerOptions));

var app = builder.Build();
await using (var scope = app.Services.CreateAsyncScope())
{
    await Seed.ApplyAsync(scope.ServiceProvider.GetRequiredService<ShopContext>(), app.Lifetime.ApplicationStopping);
}

app.MapShop();
await app.RunAsync();
