using System.Globalization;
using System.Reflection;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Security;
using System.Text;

namespace Corpus;

/// <summary>Has the runtime compile methods without running them, and counts what became of it.</summary>
internal sealed class Compiler
{
    private const int MostNamed = 200;
    private readonly SortedDictionary<string, long> _failures = new(StringComparer.Ordinal);
    private readonly List<string> _invalid = [];
    private readonly long _jittedBefore = JitInfo.GetCompiledMethodCount();
    private long _compiled;

    public void Compile(Compilable compilable)
    {
        try
        {
            RuntimeHelpers.PrepareMethod(compilable.Method.MethodHandle, compilable.Arguments);
            _compiled++;
        }
        catch (Exception error)
        {
            var reason = error is TypeInitializationException { InnerException: { } inner } ? inner : error;
            var name = error.GetType().FullName!;
            _failures[name] = _failures.GetValueOrDefault(name) + 1;
            if (reason is InvalidProgramException or VerificationException)
            {
                _invalid.Add(NameOf(compilable.Method));
            }
        }
    }

    /// <summary>
    /// The sums, the kinds of failure, the methods whose IL the JIT did not take. What was compiled already or has
    /// precompiled code is among the compiled, but not among the jitted.
    /// </summary>
    public string Report()
    {
        var report = new StringBuilder();
        var jitted = JitInfo.GetCompiledMethodCount() - _jittedBefore;
        report.Append(CultureInfo.InvariantCulture, $"compiled {_compiled} failed {_failures.Values.Sum()} invalid {_invalid.Count} jitted {jitted}");
        foreach (var (type, count) in _failures)
        {
            report.Append(CultureInfo.InvariantCulture, $" {type}={count}");
        }

        foreach (var name in _invalid.Take(MostNamed))
        {
            report.Append(CultureInfo.InvariantCulture, $" \"{name}\"");
        }

        return report.ToString();
    }

    private static string NameOf(MethodBase method) =>
        $"{method.Module.Assembly.GetName().Name}!{method.DeclaringType?.FullName}.{method.Name}/{method.MetadataToken:x8}";
}
