using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Shop.Data;
using Shop.Orders;

namespace Shop.Background;

public sealed record SalesSummary(int Orders, decimal Revenue, decimal? Average, DateTimeOffset At);

/// <summary>Where the latest summary hangs for everybody to read.</summary>
public sealed class SalesBoard
{
    private SalesSummary _latest = new(0, 0m, null, DateTimeOffset.UnixEpoch);

    public SalesSummary Latest => Volatile.Read(ref _latest);

    public void Publish(SalesSummary summary) => Volatile.Write(ref _latest, summary);
}

/// <summary>Adds up what was sold since it last looked.</summary>
public sealed class SalesSummaryService(
    IServiceScopeFactory scopes,
    SalesBoard board,
    IConfiguration settings,
    TimeProvider clock)
    : BackgroundService
{
    private int _lastOrder;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(settings.GetValue("Shop:SummarySeconds", 5)));
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var latest = board.Latest;
            var (orders, revenue) = (latest.Orders, latest.Revenue);
            await foreach (var total in NewTotalsAsync(stoppingToken))
            {
                Accumulate(ref orders, ref revenue, total);
            }

            board.Publish(new SalesSummary(orders, revenue, Average(orders, revenue), clock.GetUtcNow()));
        }
    }

    private static void Accumulate(ref int orders, ref decimal revenue, decimal total)
    {
        orders++;
        revenue += total;
    }

    private static decimal? Average(int orders, decimal revenue) =>
        orders == 0 ? null : decimal.Round(revenue / orders, 2);

    private async IAsyncEnumerable<decimal> NewTotalsAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var orders = scope.ServiceProvider.GetRequiredService<IRepository<Order>>();
        var fresh = orders.Query().AsNoTracking()
            .Where(order => order.Id > _lastOrder)
            .OrderBy(order => order.Id)
            .Select(order => new { order.Id, order.Total });
        await foreach (var order in fresh.AsAsyncEnumerable().WithCancellation(cancel))
        {
            _lastOrder = order.Id;
            yield return order.Total;
        }
    }
}
