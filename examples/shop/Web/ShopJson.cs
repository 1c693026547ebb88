using System.Text.Json;
using System.Text.Json.Serialization;

namespace Shop.Web;

public static class ShopJson
{
    public static void Configure(JsonSerializerOptions options) =>
        options.Converters.Add(new JsonStringEnumConverter());
}
