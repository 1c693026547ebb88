using Microsoft.EntityFrameworkCore;
using Shop.Catalogue;
using Shop.Data;

namespace Shop.Carts;

public sealed class CartService(IRepository<CartItem> items, CatalogueService catalogue, WriteLock writers)
{
    public const int MostOfOneProduct = 99;

    private static readonly CallCounts.Counter Adds = CallCounts.For("Shop.Carts.CartService.AddAsync");

    public async Task<CartItem> AddAsync(string customer, int productId, int quantity, CancellationToken cancel)
    {
        Adds.Hit();
        CheckQuantity(quantity, 1, MostOfOneProduct);
        using var turn = await writers.EnterAsync(cancel);
        var product = await catalogue.FindAsync(productId, cancel);
        var item = await items.Query()
            .FirstOrDefaultAsync(item => item.Customer == customer && item.ProductId == productId, cancel);
        if (item is null)
        {
            item = new CartItem { Customer = customer, ProductId = productId, UnitPrice = product.Price };
            items.Add(item);
        }

        item.Quantity += quantity;
        await items.SaveAsync(cancel);
        return item;
    }

    public Task<List<CartItem>> GetAsync(string customer, CancellationToken cancel) =>
        items.Query().Where(item => item.Customer == customer).OrderBy(item => item.Id).ToListAsync(cancel);

    private static void CheckQuantity(int quantity, int least, int most)
    {
        if (quantity < least || quantity > most)
        {
            throw new InvalidRequestException($"quantity must be from {least} to {most}, not {quantity}");
        }
    }
}
