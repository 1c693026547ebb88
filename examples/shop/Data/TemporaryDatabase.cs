using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Shop.Data;

/// <summary>A SQLite file in the temporary folder that goes away with the process.</summary>
public sealed class TemporaryDatabase : IDisposable
{
    private const string Prefix = "shop-";
    private readonly string _folder;

    public TemporaryDatabase()
    {
        RemoveAbandoned();
        var name = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}");
        _folder = Path.Combine(Path.GetTempPath(), name);
        Directory.CreateDirectory(_folder);
    }

    public void Configure(DbContextOptionsBuilder options) =>
        options.UseSqlite($"Data Source={Path.Combine(_folder, "shop.db")}").AddInterceptors(new FastAndLoose());

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A killed shop cannot clean up: the next one does it for it.</summary>
    private static void RemoveAbandoned()
    {
        foreach (var folder in Directory.EnumerateDirectories(Path.GetTempPath(), Prefix + "*"))
        {
            var owner = Path.GetFileName(folder)[Prefix.Length..];
            if (int.TryParse(owner, NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && !Directory.Exists($"/proc/{pid}"))
            {
                TryRemove(folder);
            }
        }
    }

    private static void TryRemove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Another user's, or another shop is removing it right now.
        }
    }

    /// <summary>The data need not survive a power cut, so no commit waits for the disk.</summary>
    private sealed class FastAndLoose : DbConnectionInterceptor
    {
        private const string Pragmas = "PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY;";

        public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData data)
        {
            using var command = connection.CreateCommand();
            command.CommandText = Pragmas;
            command.ExecuteNonQuery();
        }

        public override async Task ConnectionOpenedAsync(
            DbConnection connection, ConnectionEndEventData data, CancellationToken cancel = default)
        {
            await using var command = connection.CreateCommand();
            command.CommandText = Pragmas;
            await command.ExecuteNonQueryAsync(cancel);
        }
    }
}
