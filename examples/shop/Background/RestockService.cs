using Microsoft.EntityFrameworkCore;
using Shop.Catalogue;
using Shop.Data;

namespace Shop.Background;

/// <summary>Fills the shelves up again, from time to time.</summary>
public sealed class RestockService(IServiceScopeFactory scopes, WriteLock writers, IConfiguration settings)
    : BackgroundService
{
    private const int LowStock = 5_000;
    private const int Delivery = 10_000;

    private static readonly CallCounts.Counter Rounds = CallCounts.For("Shop.Background.RestockService.RestockAsync");

    public static int AmountFor(int stock, int low, int delivery) => stock < low ? delivery : 0;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(settings.GetValue("Shop:RestockSeconds", 2)));
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await RestockAsync(DateTime.UtcNow, stoppingToken);
        }
    }

    private async Task<int> RestockAsync(DateTime now, CancellationToken cancel)
    {
        Rounds.Hit();
        using var turn = await writers.EnterAsync(cancel);
        await using var scope = scopes.CreateAsyncScope();
        var products = scope.ServiceProvider.GetRequiredService<IRepository<Product>>();
        var low = await products.Query()
            .Where(product => product.Stock < LowStock)
            .Where(product => product.DiscontinuedAt == null || product.DiscontinuedAt > now)
            .ToListAsync(cancel);
        foreach (var product in low)
        {
            product.Stock += AmountFor(product.Stock, LowStock, Delivery);
        }

        return await products.SaveAsync(cancel);
    }
}
