using System.Globalization;
using System.Text;

namespace Protocol;

/// <summary>The words of a command line: split at blanks, "quoted ones" may hold blanks and \n \t \" \\ \uXXXX.</summary>
public sealed class Words(IReadOnlyList<string> words)
{
    public int Count => words.Count;

    public static Words Parse(string line)
    {
        var words = new List<string>();
        for (var at = 0; ;)
        {
            while (at < line.Length && line[at] == ' ')
            {
                at++;
            }

            if (at == line.Length)
            {
                return new Words(words);
            }

            words.Add(line[at] == '"' ? Quoted(line, ref at) : Plain(line, ref at));
        }
    }

    public Words Skip(int count) => new(words.Skip(count).ToArray());

    public string[] ToArray() => [.. words];

    /// <summary>Takes a last word such as x100 away and answers 100; 1 when there is none.</summary>
    public Words TakeTimes(out int times)
    {
        times = 1;
        var isTimes = Count > 0 && words[^1].StartsWith('x')
            && int.TryParse(words[^1].AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out times);
        return isTimes ? new Words(words.SkipLast(1).ToArray()) : this;
    }

    public string Text(int index, string otherwise = "") => index < Count ? words[index] : otherwise;

    public int Int(int index, int otherwise = 0) => Parse(index, otherwise);

    /// <summary>The word at an index as any number, Guid, date or other parsable type.</summary>
    public T Parse<T>(int index, T otherwise)
        where T : IParsable<T>
    {
        if (index >= Count)
        {
            return otherwise;
        }

        return T.TryParse(words[index], CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new ProtocolException($"'{words[index]}' is not of type {typeof(T).Name}");
    }

    private static string Plain(string line, ref int at)
    {
        var end = line.IndexOf(' ', at);
        end = end < 0 ? line.Length : end;
        var word = line[at..end];
        at = end;
        return word;
    }

    private static string Quoted(string line, ref int at)
    {
        var word = new StringBuilder();
        for (at++; line[at] != '"'; at++)
        {
            word.Append(line[at] == '\\' ? Escaped(line, ref at) : line[at]);
        }

        at++;
        return word.ToString();
    }

    private static char Escaped(string line, ref int at)
    {
        at++;
        switch (line[at])
        {
            case 'n':
                return '\n';
            case 't':
                return '\t';
            case 'u':
                at += 4;
                return (char)ushort.Parse(line.AsSpan(at - 3, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            default:
                return line[at];
        }
    }
}
