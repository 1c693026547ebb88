namespace Shop;

/// <summary>A refusal that the customer is told about; <see cref="Status"/> is its HTTP status.</summary>
public abstract class ShopException(int status, string message) : Exception(message)
{
    public int Status { get; } = status;
}

public sealed class NotFoundException(string what, object key) : ShopException(404, $"{what} {key} does not exist")
{
    public string What { get; } = what;
}

public sealed class InvalidRequestException(string message) : ShopException(400, message);
