using Driver;
using Protocol;
using Target;

var scenarios = new Scenarios("Target.");
ValueScenarios.Register(scenarios);
CollectionScenarios.Register(scenarios);
KnownScenarios.Register(scenarios);
ObjectScenarios.Register(scenarios);
MemberScenarios.Register(scenarios);
MakingScenarios.Register(scenarios);
ReferenceScenarios.Register(scenarios);
GenericScenarios.Register(scenarios);
SequenceScenarios.Register(scenarios);
FlowScenarios.Register(scenarios);
WorkScenarios.Register(scenarios);

var conversation = new Conversation(scenarios);
conversation.Add("blocked", words =>
{
    Work.AwaitBlocked(words.Int(0, 1));
    return $"ok blocked {words.Int(0, 1)}";
});
conversation.Add("release", _ =>
{
    Work.Release();
    Work.Reset();
    return "ok release";
});
return conversation.Run();
