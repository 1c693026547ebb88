using System.Linq.Expressions;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using System.Text.RegularExpressions;

namespace Target;

public delegate int SpanFunction(ReadOnlySpan<char> text);

public delegate void RefAction(ref Spot spot);

/// <summary>A value type of two sizes of field, for code that is made at run time.</summary>
public struct Spot
{
    public int X;
    public long Y;
}

/// <summary>Code that is made at run time.</summary>
public static class Dynamic
{
    private static readonly Func<int, int> Method = MakeSquare();
    private static readonly Func<int, int> Expression = MakeExpression();
    private static readonly Regex Pattern = new("[a-c]+x(?<digits>\\d+)", RegexOptions.Compiled);
    private static readonly MethodInfo EchoMethod = typeof(Dynamic).GetMethod(nameof(Echo))!;
    private static Kinds? s_kinds;
    private static int s_contexts;

    public static int CallMethod(int value) => Method(value);

    public static int CallExpression(int value) => Expression(value);

    /// <summary>Makes so many dynamic methods and calls each twice; nobody keeps them.</summary>
    public static int Many(int count)
    {
        var sum = 0;
        for (var i = 0; i < count; i++)
        {
            var made = MakeSquare();
            sum += made(i) + made(1);
        }

        return sum;
    }

    /// <summary>One call of a dynamic method for each shape of value; answers what they return.</summary>
    public static string Shapes(string text, int number)
    {
        var kinds = s_kinds ??= new Kinds();
        var spot = new Spot { X = number, Y = 1L << 40 };
        kinds.Move(ref spot);
        var moved = kinds.Turn(spot);
        return $"{kinds.Join(text, number)} {moved.X} {moved.Y} {kinds.Measure(text)} {kinds.Maybe(number)} {kinds.Maybe(null)} " +
            $"{kinds.First([number, 2])} {kinds.Guard(2)} {kinds.Guard(3)}";
    }

    /// <summary>Reads the metadata of this module, again each time.</summary>
    public static int Attributes(int count)
    {
        var methods = typeof(Dynamic).GetMethods();
        var sum = 0;
        for (var i = 0; i < count; i++)
        {
            foreach (var method in methods)
            {
                sum += method.GetCustomAttributesData().Count + method.GetParameters().Length;
            }
        }

        return sum;
    }

    /// <summary>So many dynamic methods for whose code the JIT asks for the names of methods of the core library.</summary>
    public static double Named(int count)
    {
        var sum = 0.0;
        for (var i = 0; i < count; i++)
        {
            sum += MakeNamed()(i);
        }

        return sum;
    }

    /// <summary>A dynamic method throws through a dynamic method that has a finally.</summary>
    public static int Throw(int value) => (s_kinds ??= new Kinds()).Through(value);

    public static int Match(string text) => Pattern.Matches(text).Sum(match => int.Parse(match.Groups["digits"].ValueSpan));

    public static int Echo(int value) => value;

    /// <summary>Calls Echo by reflection, for which the runtime makes a stub.</summary>
    public static int Invoke(int value) => (int)EchoMethod.Invoke(null, [value])!;

    /// <summary>Defines the type Emitted.Code with int Square(int) in an assembly of its own; answers its result.</summary>
    public static int Emit(bool collectible, int value)
    {
        var access = collectible ? AssemblyBuilderAccess.RunAndCollect : AssemblyBuilderAccess.Run;
        var name = collectible ? "EmittedCollectible" : "Emitted";
        var module = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName(name), access).DefineDynamicModule(name);
        return (int)MakeType(module, $"{name}.Code").GetMethod("Square")!.Invoke(null, [value])!;
    }

    /// <summary>Loads an assembly into so many contexts, calls Late.Greeter.Square in each, and unloads them.</summary>
    public static int Contexts(string file, int count)
    {
        List<WeakReference> contexts = [];
        for (var i = 0; i < count; i++)
        {
            contexts.Add(InContext(Path.GetFullPath(file), i));
        }

        for (var i = 0; i < 20 && contexts.Exists(context => context.IsAlive); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return contexts.Count(context => context.IsAlive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference InContext(string file, int value)
    {
        var context = new AssemblyLoadContext($"plugin {s_contexts++}", isCollectible: true);
        var square = context.LoadFromAssemblyPath(file).GetType("Late.Greeter")!.GetMethod("Square")!;
        if (square.CreateDelegate<Func<int, int>>()(value) != value * value)
        {
            throw new InvalidOperationException("Late.Greeter.Square answers something else");
        }

        context.Unload();
        return new WeakReference(context);
    }

    /// <summary>Dynamic methods that take a type of a context that is unloaded with them.</summary>
    public static int Over(string file, int count)
    {
        var sum = 0;
        for (var i = 0; i < count; i++)
        {
            sum += OverContext(Path.GetFullPath(file));
        }

        return sum;
    }

    private static List<Func<int, int>> s_kept = [];

    /// <summary>Makes so many methods DynamicKeptN of four kinds, each of which doubles its argument, and keeps them.</summary>
    public static int Keep(int count)
    {
        s_kept = [.. Enumerable.Range(0, count).Select(MakeKept)];
        return CallKept(1);
    }

    /// <summary>Calls each of those that are kept.</summary>
    public static int Kept(int value) => CallKept(value);

    private static int CallKept(int value)
    {
        foreach (var kept in s_kept)
        {
            if (kept(value) != 2 * value)
            {
                throw new InvalidOperationException("a method that was kept answers something else");
            }
        }

        return s_kept.Count;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Doubled(int value) => 2 * value;

    private static Func<int, int> MakeKept(int number)
    {
        var name = $"DynamicKept{number}";
        if (number % 4 == 0)
        {
            var value = System.Linq.Expressions.Expression.Parameter(typeof(int), "value");
            var sum = System.Linq.Expressions.Expression.Add(value, value);
            return System.Linq.Expressions.Expression.Lambda<Func<int, int>>(sum, name, [value]).Compile();
        }

        var method = new DynamicMethod(name, typeof(int), [typeof(int)], typeof(Dynamic).Module);
        var il = method.GetILGenerator();
        if (number % 4 == 1)
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Call, typeof(Dynamic).GetMethod(nameof(Doubled))!);
        }
        else if (number % 4 == 2)
        {
            EmitLoop(il);
        }
        else
        {
            EmitCatch(il);
        }

        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<int, int>>();
    }

    /// <summary>Adds the argument to itself, one by one.</summary>
    private static void EmitLoop(ILGenerator il)
    {
        var sum = il.DeclareLocal(typeof(int));
        var left = il.DeclareLocal(typeof(int));
        var again = il.DefineLabel();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Stloc, sum);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Stloc, left);
        il.MarkLabel(again);
        il.Emit(OpCodes.Ldloc, sum);
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, sum);
        il.Emit(OpCodes.Ldloc, left);
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Dup);
        il.Emit(OpCodes.Stloc, left);
        il.Emit(OpCodes.Brtrue, again);
        il.Emit(OpCodes.Ldloc, sum);
    }

    /// <summary>Gets there by an exception of the runtime's, which it catches by its type.</summary>
    private static void EmitCatch(ILGenerator il)
    {
        var result = il.DeclareLocal(typeof(int));
        il.BeginExceptionBlock();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldc_I4_0);
        il.Emit(OpCodes.Div);
        il.Emit(OpCodes.Stloc, result);
        il.BeginCatchBlock(typeof(DivideByZeroException));
        il.Emit(OpCodes.Pop);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Call, typeof(Dynamic).GetMethod(nameof(Doubled))!);
        il.Emit(OpCodes.Stloc, result);
        il.EndExceptionBlock();
        il.Emit(OpCodes.Ldloc, result);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int OverContext(string file)
    {
        var context = new AssemblyLoadContext($"over {s_contexts++}", isCollectible: true);
        var type = context.LoadFromAssemblyPath(file).GetType("Late.Greeter")!;
        var method = new DynamicMethod("DynamicOver", typeof(int), [type, type.MakeArrayType()], typeof(Dynamic).Module);
        var il = method.GetILGenerator();
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.Ret);
        context.Unload();
        return (int)method.Invoke(null, [null, null])!;
    }

    private static Type MakeType(ModuleBuilder module, string name)
    {
        var type = module.DefineType(name, TypeAttributes.Public | TypeAttributes.Abstract | TypeAttributes.Sealed);
        var method = type.DefineMethod("Square", MethodAttributes.Public | MethodAttributes.Static, typeof(int), [typeof(int)]);
        EmitSquare(method.GetILGenerator());
        return type.CreateType();
    }

    private static Func<int, int> MakeSquare()
    {
        var method = new DynamicMethod("DynamicSquare", typeof(int), [typeof(int)], typeof(Dynamic).Module);
        EmitSquare(method.GetILGenerator());
        return method.CreateDelegate<Func<int, int>>();
    }

    private static Func<double, double> MakeNamed()
    {
        var method = new DynamicMethod("DynamicNamed", typeof(double), [typeof(double)], typeof(Dynamic).Module);
        var il = method.GetILGenerator();
        il.Emit(OpCodes.Ldarg_0);
        for (var i = 0; i < 200; i++)
        {
            il.Emit(OpCodes.Call, typeof(Math).GetMethod("Abs", [typeof(double)])!);
        }

        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<double, double>>();
    }

    private static Func<int, int> MakeExpression()
    {
        var value = System.Linq.Expressions.Expression.Parameter(typeof(int), "value");
        return System.Linq.Expressions.Expression.Lambda<Func<int, int>>(
            System.Linq.Expressions.Expression.Multiply(value, value), "DynamicLambda", [value]).Compile();
    }

    private static void EmitSquare(ILGenerator il)
    {
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Dup);
        il.Emit(OpCodes.Mul);
        il.Emit(OpCodes.Ret);
    }

    /// <summary>Dynamic methods over strings, structs, spans, nullables, generic classes and references; with handlers.</summary>
    private sealed class Kinds
    {
        public Func<string, int, string> Join { get; } = Make<Func<string, int, string>>("DynamicJoin", il =>
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldarga_S, (byte)1);
            il.Emit(OpCodes.Call, typeof(int).GetMethod(nameof(int.ToString), [])!);
            il.Emit(OpCodes.Call, typeof(string).GetMethod(nameof(string.Concat), [typeof(string), typeof(string)])!);
            il.Emit(OpCodes.Ret);
        });

        public Func<Spot, Spot> Turn { get; } = Make<Func<Spot, Spot>>("DynamicTurn", il =>
        {
            var turned = il.DeclareLocal(typeof(Spot));
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Stloc, turned);
            il.Emit(OpCodes.Ldloca, turned);
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldfld, typeof(Spot).GetField(nameof(Spot.X))!);
            il.Emit(OpCodes.Neg);
            il.Emit(OpCodes.Stfld, typeof(Spot).GetField(nameof(Spot.X))!);
            il.Emit(OpCodes.Ldloc, turned);
            il.Emit(OpCodes.Ret);
        });

        public RefAction Move { get; } = Make<RefAction>("DynamicMove", il =>
        {
            var field = typeof(Spot).GetField(nameof(Spot.Y))!;
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldfld, field);
            il.Emit(OpCodes.Ldc_I4_1);
            il.Emit(OpCodes.Conv_I8);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Stfld, field);
            il.Emit(OpCodes.Ret);
        });

        public SpanFunction Measure { get; } = Make<SpanFunction>("DynamicMeasure", il =>
        {
            il.Emit(OpCodes.Ldarga_S, (byte)0);
            il.Emit(OpCodes.Call, typeof(ReadOnlySpan<char>).GetProperty(nameof(ReadOnlySpan<char>.Length))!.GetMethod!);
            il.Emit(OpCodes.Ret);
        });

        public Func<int?, int?> Maybe { get; } = Make<Func<int?, int?>>("DynamicMaybe", il =>
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ret);
        });

        public Func<List<int>, int> First { get; } = Make<Func<List<int>, int>>("DynamicFirst", il =>
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldc_I4_0);
            il.Emit(OpCodes.Callvirt, typeof(List<int>).GetProperty("Item")!.GetMethod!);
            il.Emit(OpCodes.Ret);
        });

        /// <summary>2 for an odd number, which throws inside and is caught there, and 1 otherwise; 10 more in a finally.</summary>
        public Func<int, int> Guard { get; } = Make<Func<int, int>>("DynamicGuard", il =>
        {
            var answer = il.DeclareLocal(typeof(int));
            var even = il.DefineLabel();
            il.BeginExceptionBlock();
            il.BeginExceptionBlock();
            il.Emit(OpCodes.Ldc_I4_1);
            il.Emit(OpCodes.Stloc, answer);
            ThrowIfOdd(il, even);
            il.BeginCatchBlock(typeof(InvalidOperationException));
            il.Emit(OpCodes.Pop);
            il.Emit(OpCodes.Ldc_I4_2);
            il.Emit(OpCodes.Stloc, answer);
            il.EndExceptionBlock();
            il.BeginFinallyBlock();
            AddTen(il, answer);
            il.EndExceptionBlock();
            il.Emit(OpCodes.Ldloc, answer);
            il.Emit(OpCodes.Ret);
        });

        private static readonly Func<int, int> Thrower = Make<Func<int, int>>("DynamicThrower", il =>
        {
            var even = il.DefineLabel();
            ThrowIfOdd(il, even);
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ret);
        });

        public Func<int, int> Through { get; } = Make<Func<int, int>>("DynamicThrough", il =>
        {
            var answer = il.DeclareLocal(typeof(int));
            il.BeginExceptionBlock();
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Call, typeof(Kinds).GetMethod(nameof(CallThrower), BindingFlags.NonPublic | BindingFlags.Static)!);
            il.Emit(OpCodes.Stloc, answer);
            il.BeginFinallyBlock();
            AddTen(il, answer);
            il.EndExceptionBlock();
            il.Emit(OpCodes.Ldloc, answer);
            il.Emit(OpCodes.Ret);
        });

        private static int CallThrower(int value) => Thrower(value);

        private static void ThrowIfOdd(ILGenerator il, Label even)
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldc_I4_1);
            il.Emit(OpCodes.And);
            il.Emit(OpCodes.Brfalse, even);
            il.Emit(OpCodes.Ldstr, "odd");
            il.Emit(OpCodes.Newobj, typeof(InvalidOperationException).GetConstructor([typeof(string)])!);
            il.Emit(OpCodes.Throw);
            il.MarkLabel(even);
        }

        private static void AddTen(ILGenerator il, LocalBuilder answer)
        {
            il.Emit(OpCodes.Ldloc, answer);
            il.Emit(OpCodes.Ldc_I4, 10);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Stloc, answer);
        }

        private static T Make<T>(string name, Action<ILGenerator> write)
            where T : Delegate
        {
            var invoke = typeof(T).GetMethod("Invoke")!;
            Type[] parameters = [.. invoke.GetParameters().Select(parameter => parameter.ParameterType)];
            var method = new DynamicMethod(name, invoke.ReturnType, parameters, typeof(Dynamic).Module, skipVisibility: true);
            write(method.GetILGenerator());
            return method.CreateDelegate<T>();
        }
    }
}
