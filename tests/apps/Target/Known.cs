namespace Target;

/// <summary>Answers what it was given: types of the frameworks that print in a form of their own.</summary>
public static class Known
{
    public static object Of(object value) => value;
}
