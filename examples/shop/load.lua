-- A customer's day, for wrk: mostly looking, sometimes a cart, an order, a card that is declined.
-- The last line is "unexpected: N": answers with a status that a healthy shop never gives, and transport errors.

local json = { ["Content-Type"] = "application/json" }
local expected = { [200] = true, [201] = true, [400] = true, [402] = true, [404] = true }
local threads = {}

function setup(thread)
    thread:set("id", #threads)
    table.insert(threads, thread)
end

function init()
    sent = 0
    unexpected = 0
end

local function post(path, body)
    return wrk.format("POST", path, json, body)
end

function request()
    sent = sent + 1
    local customer = "c" .. id .. "-" .. (math.floor(sent / 20) % 50)
    local step = sent % 20
    if step == 3 or step == 7 then
        return post("/cart/" .. customer .. "/items", '{"productId":' .. (1 + sent % 12) .. ',"quantity":1}')
    elseif step == 11 then
        return post("/orders", '{"customer":"' .. customer .. '","cardNumber":"4000000000000002","options":"None"}')
    elseif step == 15 then
        return post("/orders", '{"customer":"' .. customer .. '","cardNumber":"4111111111111111","options":"Express"}')
    elseif step == 18 then
        return wrk.format("GET", "/products/999")
    elseif step % 5 == 0 then
        return wrk.format("GET", "/products?category=Music")
    end
    return wrk.format("GET", "/products/" .. (1 + sent % 16))
end

function response(status)
    if not expected[status] then
        unexpected = unexpected + 1
    end
end

function done(summary)
    local errors = summary.errors
    local total = errors.connect + errors.read + errors.write + errors.timeout
    for _, thread in ipairs(threads) do
        total = total + thread:get("unexpected")
    end
    print("unexpected: " .. total)
end
