using System.Reflection;
using System.Runtime.Loader;

namespace Corpus;

/// <summary>The assemblies of the shared frameworks that this process runs on.</summary>
internal static class Frameworks
{
    /// <summary>The folder of every shared framework in use, Microsoft.NETCore.App first.</summary>
    public static IEnumerable<string> Folders()
    {
        var core = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var web = Path.GetDirectoryName(typeof(WebApplication).Assembly.Location)!;
        return new[] { core, web }.Distinct();
    }

    /// <summary>Every managed assembly of the folders; native libraries have other names or no metadata.</summary>
    public static IEnumerable<string> Files() =>
        Folders().SelectMany(folder => Directory.EnumerateFiles(folder, "*.dll")).Order(StringComparer.Ordinal);

    /// <summary>Loads a file, or finds the assembly of a simple name; null when it has no managed code.</summary>
    public static Assembly? Load(string fileOrName)
    {
        try
        {
            if (!fileOrName.EndsWith(".dll", StringComparison.Ordinal))
            {
                return Assembly.Load(fileOrName);
            }

            // What belongs to the frameworks is found by its name; CoreLib by nothing else.
            var path = Path.GetFullPath(fileOrName);
            return Folders().Contains(Path.GetDirectoryName(path))
                ? Assembly.Load(AssemblyName.GetAssemblyName(path))
                : AssemblyLoadContext.Default.LoadFromAssemblyPath(path);
        }
        catch (BadImageFormatException)
        {
            return null;
        }
    }
}
