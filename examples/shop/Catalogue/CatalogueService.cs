using Microsoft.EntityFrameworkCore;
using Shop.Data;

namespace Shop.Catalogue;

public sealed record ProductQuery(Category? Category, string? Search, decimal? MaxPrice, int Page, int Size);

public sealed class CatalogueService(IRepository<Product> products)
{
    private static readonly CallCounts.Counter Finds = CallCounts.For("Shop.Catalogue.CatalogueService.FindAsync");
    private static readonly CallCounts.Counter Lists = CallCounts.For("Shop.Catalogue.CatalogueService.ListAsync");

    public async Task<IReadOnlyList<Product>> ListAsync(ProductQuery query, CancellationToken cancel)
    {
        Lists.Hit();
        var wanted = products.Query().AsNoTracking();
        if (query.Category is { } category)
        {
            wanted = wanted.Where(product => product.Category == category);
        }

        if (!string.IsNullOrWhiteSpace(query.Search))
        {
            wanted = wanted.Where(product => product.Name.Contains(query.Search));
        }

        var page = await wanted.OrderBy(product => product.Id)
            .Skip(query.Page * query.Size)
            .Take(query.Size)
            .ToListAsync(cancel);
        return query.MaxPrice is { } limit ? page.FindAll(product => IsWithin(product.Price, limit)) : page;
    }

    public async Task<Product> FindAsync(int id, CancellationToken cancel)
    {
        Finds.Hit();
        return await products.FindAsync(id, cancel) ?? throw new NotFoundException("product", id);
    }

    public async Task<Product> FindBySkuAsync(string text, CancellationToken cancel)
    {
        if (!Sku.TryParse(text, out var sku))
        {
            throw new InvalidRequestException($"'{text}' is not a SKU");
        }

        var wanted = sku.ToString();
        return await products.Query().AsNoTracking().FirstOrDefaultAsync(product => product.Sku == wanted, cancel)
            ?? throw new NotFoundException("product", wanted);
    }

    private static bool IsWithin(decimal price, decimal limit) => price <= limit;
}
