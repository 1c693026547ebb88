using Microsoft.EntityFrameworkCore;
using Shop.Carts;
using Shop.Catalogue;
using Shop.Orders;

namespace Shop.Data;

public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    public DbSet<Product> Products => Set<Product>();

    public DbSet<CartItem> CartItems => Set<CartItem>();

    public DbSet<Order> Orders => Set<Order>();

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.Entity<Product>().HasIndex(product => product.Sku).IsUnique();
        model.Entity<CartItem>().HasIndex(item => item.Customer);
        model.Entity<Order>().HasMany(order => order.Lines).WithOne().HasForeignKey(line => line.OrderId);
    }
}
