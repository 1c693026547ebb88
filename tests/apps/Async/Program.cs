using Async;
using Protocol;

var scenarios = new Scenarios("Async.");
Runs.Register(scenarios);
return new Conversation(scenarios).Run();
