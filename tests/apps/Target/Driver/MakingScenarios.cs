using Protocol;
using Target.Making;

namespace Driver;

internal static class MakingScenarios
{
    public static void Register(Scenarios scenarios)
    {
        scenarios.AddOnly("Making.Squares", words => Maker.Squares(words.Int(0, 1)));
        scenarios.AddOnly("Making.Rings", _ => Maker.Rings());
        scenarios.AddOnly("Making.Links", words => Maker.Links(words.Int(0, 3)));
        scenarios.AddOnly("Making.Plains", words => Maker.Plains(words.Int(0, 3)));
        scenarios.AddOnly("Making.Reflected", _ => Maker.Reflected());
        scenarios.AddOnly("Making.Dots", words => Maker.Dots(words.Int(0, 1)));
        scenarios.AddOnly("Making.Fail", words => Maker.Fail(words.Int(0, -1)));
    }
}
