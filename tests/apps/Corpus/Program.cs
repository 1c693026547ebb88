using System.Reflection;
using Corpus;
using Protocol;

// load [FILE|NAME…]   loads these assemblies, all of the shared frameworks by default: "ok load N"
// go [FILE|NAME…]     compiles every method of these (of all that were loaded by default):
//                     "compiled N failed M invalid K jitted J EXCEPTION=COUNT… "METHOD"…" on one line
// list                the names of what was loaded
var loaded = new List<Assembly>();
var conversation = new Conversation(new Scenarios("Corpus."));
conversation.Add("load", words =>
{
    loaded.AddRange(Load(words.Count > 0 ? words.ToArray() : Frameworks.Files()));
    return $"ok load {loaded.Count}";
});
conversation.Add("list", _ => $"ok {string.Join(' ', loaded.Select(assembly => assembly.GetName().Name))}");
conversation.Add("go", words =>
{
    var compiler = new Compiler();
    foreach (var method in (words.Count > 0 ? Load(words.ToArray()) : loaded).SelectMany(Methods.Of))
    {
        compiler.Compile(method);
    }

    return $"ok {compiler.Report()}";
});
return conversation.Run();

static List<Assembly> Load(IEnumerable<string> names) => names.Select(Frameworks.Load).OfType<Assembly>().ToList();
