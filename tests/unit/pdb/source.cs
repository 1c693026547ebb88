// What the tests of pdb read, kept beside this file as source.dll with source.pdb, and as embedded.dll:
//   csc -deterministic -debug:portable -target:library -pathmap:$PWD=/src -r:System.Runtime.dll -out:source.dll source.cs
//   csc -deterministic -debug:embedded -target:library -pathmap:$PWD=/src -r:System.Runtime.dll -out:embedded.dll source.cs
using System.Threading.Tasks;

public static class Source
{
    public static int Sum(int[] numbers)
    {
        int total = 0;
        foreach (int number in numbers)
        {
            int doubled = number * 2;
            total += doubled;
        }

        for (int i = 0; i < 3; i++)
        {
            int doubled = i; total -= doubled;
        }

        return total;
    }

    public static async Task<int> LaterAsync(int number)
    {
        await Task.Yield();
        int later = number + 1;
        await Task.Delay(later);
        return later;
    }

    public static System.Func<int, int> Twice() { return x => x
        + x; }

    public extern static void NoSource();
}
