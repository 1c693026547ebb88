// The assembly that the tests of query ask, kept as names.dll beside this file:
//   csc -deterministic -optimize -unsafe -nullable:disable -debug- -target:exe -langversion:latest -r:System.Runtime.dll -r:System.Collections.dll -r:System.Console.dll names.cs
using System;
using System.Collections;
using System.Collections.Generic;

Console.WriteLine(Shop.Pricing.Total(new List<Shop.Item>(), 0.5));
return;
static int Helper(int n) => n + 1;

namespace Shop
{
    public class Item { public decimal Price { get; set; } }

    public enum Colour : byte { Red = 1, Green = 2, Blue = 200 }

    [Flags]
    public enum Big : ulong { None, Top = 0x8000000000000000 }

    public enum Depth : short { Under = -3, Over = 3 }

    public struct Corner { public int X; public Item Of; public Depth Depth { get; set; } public int Sum => X; }

    public struct Pair<A, B> { public A First; public B Second; }

    public class Shelf { public Corner Near; public Pair<int, int> Both; public TimeSpan Age; public Depth Depth; }

    public static class Pricing
    {
        public static double Total(List<Item> items, double discount) => Round(items.Count * discount);
        public static double Total(Item item) => 1;
        public static double Total() => 0;
        static double Round(double v)
        {
            return Up(v) + Wrap<int>(1);
            static double Up(double x) => x + 1;
            static double Wrap<T>(T x) => x == null ? 0 : 1;
        }
        public static Func<int, int> Adder(int by) => x => x + by;
        public static Func<int, int> Twice() => x => x + x;
        public static T Pick<T>(T a, T b) => a;
        public static K Pick<K, V>(Dictionary<K, V> from) => default;
        public static int Pick(int a) => a;
    }

    public class Order
    {
        public int Total { get; set; }
        public event EventHandler Changed;
        public int this[int at] => at;
        public Order() { }
        public Order(int total) { Total = total; Changed?.Invoke(this, null); }
        static Order() { Console.WriteLine(); }
        ~Order() { Console.WriteLine(); }
        public static Order operator +(Order a, Order b) => a;
        public IEnumerable<int> Lines() { yield return 1; }
        public int get_Fake() => 1;
    }

    public class Bag<T> : IEnumerable<T>, ICollection
    {
        public void Add(T item) { }
        IEnumerator<T> IEnumerable<T>.GetEnumerator() => null;
        IEnumerator IEnumerable.GetEnumerator() => null;
        int ICollection.Count => 1;
        bool ICollection.IsSynchronized => false;
        object ICollection.SyncRoot => null;
        void ICollection.CopyTo(Array array, int index) { }

        public class Inner
        {
            public void Put(T t) { }
            public class Deep<U> { public void Put(T t, U u) { } }
        }
    }

    public unsafe static class Arguments
    {
        public static void Numbers(sbyte i1, byte u1, short i2, ushort u2, int n, uint u4, long i8, ulong u8, float r4, double r8, nint i, nuint u) { }
        public static void Others(bool flag, char letter, string name, object thing, int[] list, Item item, Colour colour, Big big, Depth depth, DayOfWeek day) { }
        public static void Refused(int? maybe, decimal price, DateTime when, out int result, ref int number, in Colour colour, ref string text, int* pointer) { result = 0; }
        public static void Generic<T>(T any, List<T> list) { }
        public static void Arrays(int[] a, int[,] b, int[][] c, List<int?>[] d, Dictionary<string, Item> e, (int, string) f) { }
        public static void Structs(Corner corner, in Corner given, out Corner made, Shelf shelf, Pair<int, string> pair, Corner[] corners, DayOfWeek day, Span<int> span) { made = corner; }
        public static void Verbatim(int @class, int größe) { }
        public static void None() { }
    }
}

namespace Shop.Internal
{
    public static class Pricing { public static double Total(int n) => n; }
}
