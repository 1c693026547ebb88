using System.Runtime.CompilerServices;
using Protocol;

namespace Kinds;

/// <summary>Members that an interface implements by itself, and static ones that a type argument chooses.</summary>
public interface IAnimal
{
    internal static Count Spoken;

    string Name { get; }

    string Speak(int times)
    {
        Spoken.Add();
        return Name + times;
    }

    static abstract string Kind(int number);

    static virtual string Sound(int number)
    {
        Interfaces.Sounds.Add();
        return "none" + number;
    }
}

public sealed class Dog : IAnimal
{
    public string Name => "dog";

    public static string Kind(int number)
    {
        Interfaces.Kinds.Add();
        return "mammal" + number;
    }
}

public readonly struct Ant : IAnimal
{
    public string Name => "ant";

    static string IAnimal.Kind(int number)
    {
        Interfaces.ExplicitKinds.Add();
        return "insect" + number;
    }
}

public static class Interfaces
{
    internal static Count Sounds;
    internal static Count Kinds;
    internal static Count ExplicitKinds;

    public static void Register(Scenarios scenarios)
    {
        scenarios.AddOnly("DefaultInterface", words => Count.Of(ref IAnimal.Spoken, () => Speak(new Dog(), words.Int(0, 10))));
        scenarios.AddOnly("DefaultInterfaceOfStruct", words => Count.Of(ref IAnimal.Spoken, () => SpeakAs(default(Ant), words.Int(0, 10))));
        scenarios.AddOnly("StaticAbstract", words => Count.Of(ref Kinds, () => Describe<Dog>(words.Int(0, 10))));
        scenarios.AddOnly("StaticAbstractExplicit", words => Count.Of(ref ExplicitKinds, () => Describe<Ant>(words.Int(0, 10))));
        scenarios.AddOnly("StaticVirtual", words => Count.Of(ref Sounds, () => Describe<Dog>(words.Int(0, 10))));
    }

    private static void Speak(IAnimal animal, int times)
    {
        for (var i = 0; i < times; i++)
        {
            animal.Speak(i);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void SpeakAs<T>(T animal, int times)
        where T : IAnimal
    {
        for (var i = 0; i < times; i++)
        {
            animal.Speak(i);
        }
    }

    private static void Describe<T>(int times)
        where T : IAnimal
    {
        for (var i = 0; i < times; i++)
        {
            _ = T.Kind(i) + T.Sound(i);
        }
    }
}
