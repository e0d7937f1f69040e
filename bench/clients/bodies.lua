-- For wrk: compares each body with the one in a file, and tells how many were another or came with another status.
-- With a second file its content is posted.

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

local function content(name)
    local file = assert(io.open(name, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

function init(arguments)
    wrong = 0
    answers = 0
    expected = content(arguments[1])
    if arguments[2] then
        wrk.method = "POST"
        wrk.body = content(arguments[2])
    end
end

function response(status, headers, body)
    answers = answers + 1
    if status ~= 200 or body ~= expected then
        wrong = wrong + 1
    end
end

function done()
    local sum, compared = 0, 0
    for _, thread in ipairs(threads) do
        sum = sum + thread:get("wrong")
        compared = compared + thread:get("answers")
    end
    print("compared: " .. compared)
    print("wrong: " .. sum)
end
