using System.Globalization;

namespace Shop.Payments;

public enum CardKind : byte
{
    Unknown,
    Visa,
    Mastercard,
}

public sealed record Receipt(Guid Id, decimal Amount, CardKind Kind, DateTimeOffset PaidAt);

public sealed class PaymentDeclinedException(decimal amount, string reason)
    : ShopException(402, string.Create(CultureInfo.InvariantCulture, $"payment of {amount:F2} declined: {reason}"))
{
    public decimal Amount { get; } = amount;
}

public interface IPaymentGateway
{
    Task<Receipt> ChargeAsync(string customer, decimal amount, string cardNumber, CancellationToken cancel);
}

/// <summary>Stands for a bank. Numbers that end in 0002 are declined, as with the test cards of real ones.</summary>
public sealed class CardGateway(TimeProvider clock) : IPaymentGateway
{
    private const string DeclinedEnding = "0002";
    private static readonly CallCounts.Counter Charges = CallCounts.For("Shop.Payments.CardGateway.ChargeAsync");

    public async Task<Receipt> ChargeAsync(string customer, decimal amount, string cardNumber, CancellationToken cancel)
    {
        Charges.Hit();
        await Task.Yield();
        cancel.ThrowIfCancellationRequested();
        return Authorise(amount, cardNumber, clock.GetUtcNow());
    }

    public static bool IsValidNumber(ReadOnlySpan<char> cardNumber)
    {
        var sum = 0;
        for (var i = 0; i < cardNumber.Length; i++)
        {
            if (!char.IsAsciiDigit(cardNumber[^(i + 1)]))
            {
                return false;
            }

            sum += LuhnDigit(cardNumber[^(i + 1)] - '0', i % 2 == 1);
        }

        return cardNumber.Length >= 12 && sum % 10 == 0;
    }

    private static int LuhnDigit(int digit, bool doubled) => doubled ? (digit * 2 / 10) + (digit * 2 % 10) : digit;

    private static Receipt Authorise(decimal amount, string cardNumber, DateTimeOffset at)
    {
        if (cardNumber.EndsWith(DeclinedEnding, StringComparison.Ordinal))
        {
            throw new PaymentDeclinedException(amount, "insufficient funds");
        }

        if (!IsValidNumber(cardNumber))
        {
            throw new InvalidRequestException("the card number is not valid");
        }

        return new Receipt(Guid.NewGuid(), amount, KindOf(cardNumber), at);
    }

    private static CardKind KindOf(string cardNumber) => cardNumber[0] switch
    {
        '4' => CardKind.Visa,
        '5' => CardKind.Mastercard,
        _ => CardKind.Unknown,
    };
}
