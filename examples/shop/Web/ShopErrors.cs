namespace Shop.Web;

/// <summary>Turns the shop's refusals into problem details; anything else stays a 500.</summary>
public sealed class ShopErrors : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (ShopException refusal)
        {
            return Describe(refusal);
        }
    }

    private static IResult Describe(ShopException refusal) =>
        Results.Problem(refusal.Message, statusCode: refusal.Status, title: refusal.GetType().Name);
}
