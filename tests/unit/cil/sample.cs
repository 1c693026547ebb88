// The assembly that the tests of cil read, kept as sample.dll beside this file:
//   csc -deterministic -optimize -unsafe -nullable:disable -debug- -target:library -r:System.Runtime.dll -r:System.Collections.dll -r:System.Console.dll sample.cs
using System;
using System.Collections.Generic;

[assembly: System.Reflection.AssemblyVersion("1.2.3.4")]

public class Bare
{
    public void M() { }
}

namespace Sample
{
    [AttributeUsage(AttributeTargets.All)]
    public class MarkAttribute : Attribute { }

    public class MarkAttribute<T> : Attribute { }

    public enum Colour { Red, Green }

    [Mark]
    public class Outer<T>
    {
        public T Value;

        public class Inner
        {
            public class Deep<U, V>
            {
                public void Put(T t, U u, V v, Outer<U>.Inner.Deep<V, int> other) { }
            }
        }

        public Outer(T value) { Value = value; }

        static Outer() { Console.WriteLine(); }

        ~Outer() { Value = default; }

        public T Get() => Value;

        public R Map<R, S>(Func<T, R> f, S s, Outer<T> same) => f(Value);
    }

    public ref struct View
    {
        public Span<int> Items;
    }

    public static unsafe class Forms
    {
        public static void Primitives(bool a, char b, sbyte c, byte d, short e, ushort f, int g, uint h, long i, ulong j) { }

        public static void More(float a, double b, string c, object d, nint e, nuint f, decimal g, IntPtr h) { }

        public static ref int References(ref int a, in int b, out int c, ref readonly int d, ref int[] e) { c = 0; return ref a; }

        public static void Arrays(int[] a, int[][,] b, int[,,] c, string[][] d, List<int>[] e) { }

        public static void Pointers(int* a, void* b, byte** c, delegate*<int, void> d, delegate* unmanaged[Cdecl]<ref int, string> e) { }

        public static void Generics(List<int> a, Dictionary<string, List<int>> b, int? c, Colour? d, (int, string) e) { }

        public static void Nested(Outer<int>.Inner a, Outer<string>.Inner.Deep<int, byte> b, Dictionary<int, long>.Enumerator c) { }

        public static void Spans(Span<byte> a, ReadOnlySpan<char> b, View c, Colour d) { }

        public static int Variable(int a, __arglist) => a;

        public static int CallVariable() => Variable(1, __arglist("x", 2.0));

        public static int Referred(TypedReference a) => __refvalue(a, int);

        public static void Default(int a = 5, params string[] rest) { }
    }

    public interface IShape
    {
        double Area { get; }

        void Scale(double by);
    }

    [Mark<int>]
    public class Square : IShape
    {
        private readonly double[] sides = new double[4];

        public double Side { get; set; }

        public double this[int index] { get => sides[index]; set => sides[index] = value; }

        public event EventHandler Changed { add { } remove { } }

        double IShape.Area => Side * Side;

        void IShape.Scale(double by) => Side *= by;

        public static Square operator +(Square a, Square b) => new Square { Side = a.Side + b.Side };

        public static explicit operator double(Square s) => s.Side;

        [Mark]
        public int Parse(string text)
        {
            try
            {
                return Twice(int.Parse(text));
            }
            catch (FormatException) when (text.Length > 3)
            {
                return -1;
            }
            finally
            {
                Console.WriteLine(text);
            }

            static int Twice(int n) => n * 2;
        }

        public Func<int, int> Adder(int by) => n => n + by;
    }
}
