using System.Security.Cryptography;
using System.Text;

namespace Shop.Payments;

public sealed class LoginFailedException(string customer) : ShopException(401, $"wrong password for {customer}");

public sealed class AccountService
{
    private static readonly byte[] Salt = "shop"u8.ToArray();
    private static readonly byte[] OpenSesame = Hash("open sesame");

    /// <summary>Every customer of the example has the same password.</summary>
    public string Login(string customer, string password)
    {
        if (!CryptographicOperations.FixedTimeEquals(Hash(password), OpenSesame))
        {
            throw new LoginFailedException(customer);
        }

        return IssueToken(customer, TimeSpan.FromHours(8));
    }

    private static string IssueToken(string customer, TimeSpan lifetime) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes($"{customer}|{lifetime}"));

    private static byte[] Hash(string password) => SHA256.HashData([.. Salt, .. Encoding.UTF8.GetBytes(password)]);
}
