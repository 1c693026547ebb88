using System.Reflection;

namespace Corpus;

/// <summary>A method that can be compiled: its handle, and the type arguments of its type and itself.</summary>
internal readonly record struct Compilable(MethodBase Method, RuntimeTypeHandle[] Arguments);

/// <summary>Every method with a body, generic ones over a reference type and over an int.</summary>
internal static class Methods
{
    private const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance
        | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Type[] Choices = [typeof(object), typeof(int), typeof(string)];

    public static IEnumerable<Compilable> Of(Assembly assembly) => TypesOf(assembly).Append(null).SelectMany(type => Of(assembly, type));

    private static IEnumerable<Type> TypesOf(Assembly assembly)
    {
        try
        {
            return assembly.GetTypes();
        }
        catch (ReflectionTypeLoadException partly)
        {
            return partly.Types.OfType<Type>();
        }
    }

    /// <summary>The methods of a type, or of the module itself when the type is null.</summary>
    private static IEnumerable<Compilable> Of(Assembly assembly, Type? type)
    {
        if (type is null)
        {
            return assembly.ManifestModule.GetMethods(All).SelectMany(method => Instances(method, []));
        }

        return Instantiations(type.GetGenericArguments()).SelectMany(arguments => OfInstance(type, arguments));
    }

    private static IEnumerable<Compilable> OfInstance(Type type, Type[] arguments)
    {
        if (Instantiate(type, arguments) is not { } instance)
        {
            return [];
        }

        IEnumerable<MethodBase> members = instance.GetConstructors(All);
        members = members.Concat(instance.GetMethods(All));
        return members.Where(HasBody).SelectMany(method => Instances(method, arguments));
    }

    private static bool HasBody(MethodBase method)
    {
        const MethodImplAttributes NoIL = MethodImplAttributes.InternalCall | MethodImplAttributes.Runtime | MethodImplAttributes.Native;
        return !method.IsAbstract
            && (method.Attributes & MethodAttributes.PinvokeImpl) == 0
            && (method.GetMethodImplementationFlags() & NoIL) == 0;
    }

    private static IEnumerable<Compilable> Instances(MethodBase method, Type[] typeArguments)
    {
        if (!method.IsGenericMethodDefinition)
        {
            return [new Compilable(method, Handles(typeArguments))];
        }

        return Instantiations(method.GetGenericArguments())
            .Where(arguments => Instantiate((MethodInfo)method, arguments))
            .Select(arguments => new Compilable(method, Handles([.. typeArguments, .. arguments])));
    }

    private static RuntimeTypeHandle[] Handles(Type[] types) => Array.ConvertAll(types, type => type.TypeHandle);

    /// <summary>The same type for every parameter, as long as its constraints allow it; one that they ask for otherwise.</summary>
    private static IEnumerable<Type[]> Instantiations(Type[] parameters)
    {
        if (parameters.Length == 0)
        {
            return [[]];
        }

        return Choices.Select(choice => Array.ConvertAll(parameters, parameter => Fitting(parameter, choice)))
            .DistinctBy(types => string.Join(',', types.Select(type => type.ToString())));
    }

    private static Type Fitting(Type parameter, Type choice)
    {
        if (choice.IsValueType && parameter.GenericParameterAttributes.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint))
        {
            return typeof(object);
        }

        if (!choice.IsValueType && parameter.GenericParameterAttributes.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint))
        {
            return typeof(int);
        }

        return parameter.GetGenericParameterConstraints().FirstOrDefault(IsUsable) is { } wanted && !wanted.IsAssignableFrom(choice)
            ? wanted
            : choice;
    }

    private static bool IsUsable(Type constraint) =>
        constraint != typeof(ValueType) && !constraint.ContainsGenericParameters && !constraint.IsGenericParameter;

    private static Type? Instantiate(Type type, Type[] arguments)
    {
        if (arguments.Length == 0)
        {
            return type;
        }

        try
        {
            return type.MakeGenericType(arguments);
        }
        catch (Exception error) when (IsRefusal(error))
        {
            return null;
        }
    }

    private static bool Instantiate(MethodInfo method, Type[] arguments)
    {
        try
        {
            return method.MakeGenericMethod(arguments).MethodHandle.Value != 0;
        }
        catch (Exception error) when (IsRefusal(error))
        {
            return false;
        }
    }

    /// <summary>A constraint is not met, or the type cannot be loaded.</summary>
    private static bool IsRefusal(Exception error) =>
        error is ArgumentException or TypeLoadException or NotSupportedException or FileNotFoundException;
}
