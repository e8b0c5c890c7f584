-- The first of the parts that read packets by the declarations above: fields, experts, and values.
--
-- All parts are one chunk. They keep to what Lua 5.1 to 5.4 have in common: no bit operators, no goto, no string.unpack, no patterns with
-- NUL, and numbers that are exact up to 2^53; 64 bits go through Int64. Offsets in a Lua string count from 1, in a Tvb from 0.

local MOST_ITEMS = 200000 -- Wireshark refuses a packet with a million of them
local MOST_WORDS = 5 -- values of a message in the Info column
local LONGEST_WORD = 40
local ONE_MORE_SEGMENT = DESEGMENT_ONE_MORE_SEGMENT or 0x0fffffff

local find, sub, byte, char, format, gsub = string.find, string.sub, string.byte, string.char, string.format, string.gsub
local floor, concat = math.floor, table.concat

local tws = Proto("tws", "Trader Workstation API")
local tcp_stream = Field.new("tcp.stream")
local registered = {}

local TYPES = {
  bool = ftypes.BOOLEAN, int = ftypes.INT64, double = ftypes.DOUBLE, decimal = ftypes.DOUBLE,
  string = ftypes.STRING, escaped = ftypes.STRING, tags = ftypes.NONE, none = ftypes.NONE, bytes = ftypes.BYTES,
}

local function new_field(path, base_name, meaning, values)
  local numeric = base_name == "int"
  local name = path:match("[^.]+$")
  if meaning == "" then meaning = nil end
  local made = ProtoField.new(name, "tws." .. path, TYPES[base_name], values, numeric and base.DEC or base.NONE, nil, meaning)
  registered[#registered + 1] = made
  return made
end

local function new_expert(name, text, group, severity)
  return ProtoExpert.new("tws.expert." .. name, text, group, severity)
end

local F = {
  length = new_field("length", "int", "bytes behind the length word"),
  id = new_field("id", "int", "the message's id; of protobuf less 200"),
  name = new_field("name", "string", "the message's name"),
  encoding = new_field("encoding", "string", "text or protobuf"),
  direction = new_field("direction", "string", "to_server or to_client"),
  server_version = new_field("server_version", "int", "the server version that decides the layout"),
  prefix = new_field("prefix", "string", "how a client opens"),
  offer = new_field("version_offer", "none", "the versions that the client speaks"),
  minimum = new_field("version_offer.minimum", "int"),
  maximum = new_field("version_offer.maximum", "int"),
  options = new_field("version_offer.connectOptions", "string"),
  greeting = new_field("greeting", "none", "the server's answer"),
  version = new_field("greeting.serverVersion", "int"),
  time = new_field("greeting.time", "string"),
  zone = new_field("greeting.zone", "string"),
  redirect = new_field("greeting.redirect", "string"),
  unset = new_field("unset", "string", "a field that is there and not given"),
  surplus = new_field("surplus", "string", "a text field behind the last known one"),
  unknown_field = new_field("unknown_field", "bytes", "a protobuf field that no schema has"),
  rest = new_field("rest", "bytes", "bytes that are not dissected"),
}

local E = {
  surplus = new_expert("surplus", "Text fields behind the last known one", expert.group.UNDECODED, expert.severity.WARN),
  missing = new_expert("missing", "Text fields are missing", expert.group.UNDECODED, expert.severity.WARN),
  unterminated = new_expert("unterminated", "The last text field does not end in NUL", expert.group.PROTOCOL, expert.severity.NOTE),
  malformed = new_expert("malformed", "A value that its field cannot hold", expert.group.MALFORMED, expert.severity.ERROR),
  unknown_message = new_expert("unknown_message", "An unknown message", expert.group.UNDECODED, expert.severity.NOTE),
  unknown_field = new_expert("unknown_field", "An unknown field", expert.group.UNDECODED, expert.severity.NOTE),
  no_version = new_expert("no_version", "The server version is not known", expert.group.UNDECODED, expert.severity.NOTE),
  not_frames = new_expert("not_frames", "Not frames of the TWS API", expert.group.PROTOCOL, expert.severity.WARN),
  cut = new_expert("cut", "The frame is not whole in this capture", expert.group.UNDECODED, expert.severity.WARN),
  too_many = new_expert("too_many", "Too many fields to show", expert.group.UNDECODED, expert.severity.WARN),
}

-- Text ------------------------------------------------------------------------------------------------------------------------------

local function utf8_char(code)
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + floor(code / 0x40), 0x80 + code % 0x40) end
  if code < 0x10000 then return char(0xE0 + floor(code / 0x1000), 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40) end
  return char(0xF0 + floor(code / 0x40000), 0x80 + floor(code / 0x1000) % 0x40, 0x80 + floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

local function is_utf8(text)
  local at = find(text, "[\128-\255]")
  while at do
    local lead, second = byte(text, at, at + 1)
    local more = (lead >= 0xC2 and lead <= 0xDF and 1) or (lead >= 0xE0 and lead <= 0xEF and 2) or (lead >= 0xF0 and lead <= 0xF4 and 3)
    if not more or not second then return false end
    -- Overlong forms, halves of pairs, and what is beyond U+10FFFF.
    if (lead == 0xE0 and second < 0xA0) or (lead == 0xED and second > 0x9F) then return false end
    if (lead == 0xF0 and second < 0x90) or (lead == 0xF4 and second > 0x8F) then return false end
    for index = at + 1, at + more do
      local follower = byte(text, index)
      if not follower or follower < 0x80 or follower > 0xBF then return false end
    end
    at = find(text, "[\128-\255]", at + more + 1)
  end
  return true
end

local function text_of(bytes)
  if is_utf8(bytes) then return bytes end
  return (gsub(bytes, "[\128-\255]", function(each) return utf8_char(byte(each)) end))
end

-- Text for a field: Wireshark ends it at a NUL, so the picture of one stands for it.
local function visible(text)
  local at = find(text, "\0", 1, true)
  while at do
    text = sub(text, 1, at - 1) .. "\226\144\128" .. sub(text, at + 1)
    at = find(text, "\0", at, true)
  end
  return text
end

-- Text for a column, which Wireshark and tshark show as it is: without control characters and what turns the direction of writing.
local function plain(text)
  text = gsub(text, "%c", function(each) return format("\\x%02x", byte(each)) end)
  return (gsub(gsub(gsub(text, "\194[\128-\159]", "?"), "\226\128[\142\143\168-\174]", "?"), "\226\129[\166-\169]", "?"))
end

local function unescaped(text)
  text = gsub(text, "\\u([dD][89abAB]%x%x)\\u([dD][c-fC-F]%x%x)", function(high, low)
    return utf8_char(0x10000 + (tonumber(high, 16) - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00)
  end)
  return (gsub(text, "\\u(%x%x%x%x)", function(unit)
    local code = tonumber(unit, 16)
    return (code < 0xD800 or code > 0xDFFF) and utf8_char(code) or nil
  end))
end

-- Values ----------------------------------------------------------------------------------------------------------------------------
-- Each reads a text field and returns whether it can be one, its value (nil: not given) and how it is written exactly.

local function whole_number(text)
  local sign, digits = text:match("^%s*([+-]?)0*(%d+)%s*$")
  if digits then return (sign == "-" and digits ~= "0" and "-" or "") .. digits, digits end
end

local function number_of(text)
  local mantissa, exponent = text:match("^%s*[+-]?([%d.]+)([eE]?[+-]?%d*)%s*$")
  if not mantissa or not (mantissa:find("^%d+%.?%d*$") or mantissa:find("^%.%d+$")) then return nil end
  if exponent ~= "" and not exponent:find("^[eE][+-]?%d+$") then return nil end
  return tonumber(text)
end

local from_text = {}

function from_text.int(kind, text)
  local value, exact
  if text ~= "" then
    local digits
    exact, digits = whole_number(text)
    local largest = exact and sub(exact, 1, 1) == "-" and "9223372036854775808" or "9223372036854775807"
    if not exact or #digits > 19 or (#digits == 19 and digits > largest) then return false end
    if exact == kind.unset then exact = nil else value = tonumber(exact) end
  end
  if kind.known and not kind.known[value or 0] then return false end
  return true, value, exact
end

function from_text.bool(kind, text)
  local word = kind.words[text]
  if word == "unset" then return true, nil end
  if word ~= nil then return true, word end
  local exact = whole_number(text)
  return exact ~= nil, exact ~= "0"
end

local MAX_DOUBLE = tonumber(declarations.max_double)
local NOT_FINITE = { inf = math.huge, infinity = math.huge, nan = math.huge - math.huge }

function from_text.double(kind, text)
  if text == "" then return true, nil end
  local value = number_of(text)
  if not value then
    local sign, word = text:lower():match("^%s*([+-]?)(%a+)%s*$")
    value = NOT_FINITE[word]
    if not value then return false end
    if sign == "-" then value = -value end
  end
  if value == MAX_DOUBLE then return true, nil end
  return true, value
end

function from_text.decimal(kind, text)
  if text == "" or declarations.unset_decimals[text] then return true, nil end
  local value = number_of(text)
  return value ~= nil, value, text
end

function from_text.string(kind, text)
  return true, text
end

function from_text.escaped(kind, text, version)
  if version < declarations.escaped_text then return true, text end
  return true, unescaped(text)
end

local function int64(value, exact)
  return Int64(exact and #exact > 15 and exact or value)
end
