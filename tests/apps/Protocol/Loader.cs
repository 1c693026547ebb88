using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace Protocol;

/// <summary>Assemblies that come and go at run time.</summary>
internal sealed class Loader
{
    private readonly List<WeakReference> _unloading = [];
    private AssemblyLoadContext? _collectible;

    public static string Load(string path) => Describe(Assembly.LoadFrom(Path.GetFullPath(path)));

    public string LoadCollectible(string path)
    {
        _collectible = new AssemblyLoadContext("collectible", isCollectible: true);
        return Describe(_collectible.LoadFromAssemblyPath(Path.GetFullPath(path)));
    }

    /// <summary>Returns when the collector has taken the context away.</summary>
    public void Unload()
    {
        StartUnloading();
        while (_unloading.Exists(context => context.IsAlive))
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        _unloading.Clear();
    }

    /// <summary>Runs a public static method of any loaded assembly; its words become ints where an int is wanted.</summary>
    public static object? Invoke(string fullName, Words arguments)
    {
        var dot = fullName.LastIndexOf('.');
        var type = AppDomain.CurrentDomain.GetAssemblies()
            .Select(assembly => assembly.GetType(fullName[..Math.Max(dot, 0)]))
            .LastOrDefault(type => type is not null) ?? throw new ProtocolException($"no type for {fullName}");
        var method = type.GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static)
            .FirstOrDefault(method => method.Name == fullName[(dot + 1)..] && method.GetParameters().Length == arguments.Count)
            ?? throw new ProtocolException($"no static method {fullName} with {arguments.Count} parameters");
        object?[] values = [.. method.GetParameters().Select((parameter, i) => Convert(arguments, i, parameter.ParameterType))];
        return method.Invoke(null, BindingFlags.DoNotWrapExceptions, null, values, null);
    }

    private static object Convert(Words arguments, int index, Type type) =>
        type == typeof(int) ? arguments.Int(index) : arguments.Text(index);

    private static string Describe(Assembly assembly) => $"{assembly.GetName().Name} {assembly.GetTypes().Length} types";

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void StartUnloading()
    {
        if (_collectible is { } context)
        {
            _unloading.Add(new WeakReference(context));
            _collectible = null;
            context.Unload();
        }
    }
}
