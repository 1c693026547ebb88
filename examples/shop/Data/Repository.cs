using Microsoft.EntityFrameworkCore;

namespace Shop.Data;

public interface IEntity
{
    int Id { get; }
}

public interface IRepository<T>
    where T : class, IEntity
{
    IQueryable<T> Query();

    ValueTask<T?> FindAsync(int id, CancellationToken cancel);

    void Add(T entity);

    void RemoveRange(IEnumerable<T> entities);

    Task<int> SaveAsync(CancellationToken cancel);
}

public sealed class Repository<T>(ShopContext context) : IRepository<T>
    where T : class, IEntity
{
    private static readonly CallCounts.Counter Finds = CallCounts.For("Shop.Data.Repository<T>.FindAsync");

    public IQueryable<T> Query() => context.Set<T>();

    public ValueTask<T?> FindAsync(int id, CancellationToken cancel)
    {
        Finds.Hit();
        return context.Set<T>().FindAsync([id], cancel);
    }

    public void Add(T entity) => context.Set<T>().Add(entity);

    public void RemoveRange(IEnumerable<T> entities) => context.Set<T>().RemoveRange(entities);

    public Task<int> SaveAsync(CancellationToken cancel) => context.SaveChangesAsync(cancel);
}
