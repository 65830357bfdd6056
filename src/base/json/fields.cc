#include "base/json/fields.h"

#include <algorithm>
#include <array>

#include "base/key.h"

namespace phoenix::json {
namespace {

constexpr size_t kMaxFaults = 100;
constexpr size_t kMaxLabels = 256;

std::string phrase(const Value& value) {
  return std::string(kind_phrase(value.kind())) + " (" + shown(value) + ")";
}

// Levenshtein's distance, for hints only; keys are short.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<int8_t, 256> reverse(std::string_view alphabet) {
  std::array<int8_t, 256> table{};
  for (auto& entry : table) entry = -1;
  for (size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
  }
  return table;
}
constexpr auto kFromBase64 = reverse(kBase64);
constexpr auto kFromBase64Url = reverse(kBase64Url);

// Digits without padding. Bits left over must be zero: one text for each value.
std::optional<std::string> decode_digits(std::string_view text,
                                         const std::array<int8_t, 256>& table) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int8_t digit = table[static_cast<uint8_t>(c)];
    if (digit < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<uint32_t>(digit)) & 0xfff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  if ((bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return out;
}

void encode_digits(std::string& out, std::string_view bytes, std::string_view alphabet) {
  uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = (bits << 8 | static_cast<uint8_t>(c)) & 0xffff;
    count += 8;
    while (count >= 6) {
      count -= 6;
      out += alphabet[bits >> count & 63];
    }
  }
  if (count > 0) out += alphabet[bits << (6 - count) & 63];
}

// Reads exactly `width` digits at `pos`.
bool take_number(std::string_view text, size_t& pos, size_t width, int64_t& value) {
  if (pos + width > text.size()) return false;
  value = 0;
  for (size_t i = 0; i < width; ++i) {
    const char c = text[pos + i];
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  pos += width;
  return true;
}

bool take_char(std::string_view text, size_t& pos, std::string_view any_of) {
  if (pos >= text.size() || any_of.find(text[pos]) == std::string_view::npos) return false;
  ++pos;
  return true;
}

int64_t days_of_month(int64_t year, int64_t month) {
  constexpr std::array<int64_t, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[static_cast<size_t>(month - 1)] + (month == 2 && leap ? 1 : 0);
}

// Days from 1970-01-01 (Hinnant).
int64_t days_of_date(int64_t year, int64_t month, int64_t day) {
  if (month <= 2) --year;
  const int64_t era = year / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719'468;
}

// ".123456" at pos, if it is there, in milliseconds.
bool take_fraction(std::string_view text, size_t& pos, int64_t& millis) {
  millis = 0;
  if (!take_char(text, pos, ".")) return true;
  const size_t begin = pos;
  int64_t scale = 100;
  for (; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos, scale /= 10) {
    millis += (text[pos] - '0') * scale;
  }
  return pos > begin;
}

// "Z" or "+02:00" at pos, in minutes.
bool take_offset(std::string_view text, size_t& pos, int64_t& minutes) {
  minutes = 0;
  if (take_char(text, pos, "Zz")) return true;
  const bool minus = pos < text.size() && text[pos] == '-';
  int64_t hour = 0;
  int64_t minute = 0;
  if (!take_char(text, pos, "+-") || !take_number(text, pos, 2, hour) ||
      !take_char(text, pos, ":") || !take_number(text, pos, 2, minute) || hour > 23 ||
      minute > 59) {
    return false;
  }
  minutes = (hour * 60 + minute) * (minus ? -1 : 1);
  return true;
}

}  // namespace

std::string Path::pointer() const {
  std::string out = parent == nullptr ? std::string() : parent->pointer();
  if (parent != nullptr) append_pointer(out, key);
  return out;
}

void Faults::add(std::string pointer, std::string detail) {
  if (count_++ < kMaxFaults) list_.push_back({std::move(pointer), std::move(detail)});
}

void Faults::add(const Path& path, std::string detail) {
  if (count_ < kMaxFaults) return add(path.pointer(), std::move(detail));
  ++count_;
}

void Faults::add(ErrorKind kind, const Path& path, std::string detail) {
  if (kind_ == ErrorKind::kInvalidRequest) kind_ = kind;
  add(path.pointer(), std::move(detail));
}

Error Faults::error() const {
  Error error;
  error.kind = kind_;
  error.fields = list_;
  if (!list_.empty()) {
    error.detail =
        (list_[0].pointer.empty() ? "the body" : list_[0].pointer) + ": " + list_[0].detail;
  }
  if (count_ > 1) error.detail += " (and " + std::to_string(count_ - 1) + " more faults)";
  return error;
}

std::string shown(const Value& value) {
  constexpr size_t kMost = 40;
  const std::string_view raw = value.raw();
  if (raw.size() <= kMost) return std::string(raw);
  size_t end = kMost;
  while (end > 0 && (static_cast<uint8_t>(raw[end]) & 0xc0) == 0x80) --end;
  return std::string(raw.substr(0, end)) + "...";
}

std::optional<std::string> read_string(const Value& value, const Path& path, Faults& faults) {
  if (value.kind() == Kind::kString) return value.string();
  faults.add(path, "must be a string, not " + phrase(value));
  return std::nullopt;
}

std::optional<std::string> read_id(const Value& value, const Path& path, Faults& faults) {
  auto text = read_string(value, path, faults);
  if (!text || valid_id(*text)) return text;
  faults.add(
      path, shown(value) + " is no id: 1 to 128 of A-Z a-z 0-9 . _ -, the first a letter or digit");
  return std::nullopt;
}

std::optional<std::string> read_name(const Value& value, const Path& path, Faults& faults,
                                     bool may_be_empty) {
  auto text = read_string(value, path, faults);
  if (!text || valid_name(*text) || (may_be_empty && text->empty())) return text;
  faults.add(path, shown(value) + " is not allowed: " + (may_be_empty ? "0" : "1") +
                       " to 255 bytes of UTF-8 without control characters");
  return std::nullopt;
}

std::optional<int64_t> read_integer(const Value& value, const Path& path, Faults& faults,
                                    int64_t least, int64_t most) {
  if (value.kind() == Kind::kNumber) {
    const auto number = exact_integer(value.raw());
    if (number && *number >= least && *number <= most) return number;
  }
  faults.add(path, (value.kind() == Kind::kNumber ? shown(value) : phrase(value)) +
                       " is not allowed: a whole number from " + std::to_string(least) + " to " +
                       std::to_string(most));
  return std::nullopt;
}

std::optional<bool> read_bool(const Value& value, const Path& path, Faults& faults) {
  if (value.kind() == Kind::kBool) return value.is_true();
  faults.add(path, "must be true or false, not " + phrase(value));
  return std::nullopt;
}

std::optional<uint32_t> read_score(const Value& value, const Path& path, Faults& faults) {
  if (value.kind() == Kind::kNumber) {
    if (auto score = thousandths(value.raw())) return score;
  }
  faults.add(path, phrase(value) + " is not allowed: a number from 0 to 1");
  return std::nullopt;
}

std::optional<WallMs> read_time(const Value& value, const Path& path, Faults& faults) {
  if (value.kind() == Kind::kString) {
    if (auto time = parse_time(value.string())) return time;
  }
  faults.add(path, phrase(value) +
                       " is no time: RFC 3339 like \"2026-11-23T08:15:00.000Z\", 1970 to 9999");
  return std::nullopt;
}

std::optional<std::vector<std::string>> read_names(const Value& value, const Path& path,
                                                   Faults& faults, size_t most) {
  if (value.kind() != Kind::kArray) {
    faults.add(path, "must be an array of strings, not " + phrase(value));
    return std::nullopt;
  }
  std::vector<std::string> names;
  bool good = true;
  size_t index = 0;
  for (auto items = value.children(); !items.done(); ++index) {
    const Value item = items.take();
    if (index >= most) {
      faults.add(path, "holds more than " + std::to_string(most) + " entries");
      return std::nullopt;
    }
    const std::string step = std::to_string(index);
    auto name = read_name(item, Path{&path, step}, faults);
    good = good && name.has_value();
    if (name) names.push_back(std::move(*name));
  }
  if (!good) return std::nullopt;
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::optional<std::vector<std::pair<std::string, std::string>>> read_labels(const Value& value,
                                                                            const Path& path,
                                                                            Faults& faults) {
  if (value.kind() != Kind::kObject) {
    faults.add(path, "must be an object of strings, not " + phrase(value));
    return std::nullopt;
  }
  std::vector<std::pair<std::string, std::string>> labels;
  for (auto members = value.children(); !members.done();) {
    std::string key = members.take().string();
    const Value text = members.take();
    const Path here{&path, key};
    if (labels.size() == kMaxLabels) {
      faults.add(path, "holds more than " + std::to_string(kMaxLabels) + " labels");
      return std::nullopt;
    }
    if (!valid_name(key)) {
      faults.add(here, "a label's key is 1 to 255 bytes of UTF-8 without control characters");
      continue;
    }
    auto name = read_name(text, here, faults, true);
    if (name) labels.emplace_back(std::move(key), std::move(*name));
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

std::optional<std::string> read_base64(const Value& value, const Path& path, Faults& faults) {
  if (value.kind() == Kind::kString) {
    if (auto bytes = decode_base64(value.string())) return bytes;
  }
  faults.add(
      path, "must be a string of base64 (RFC 4648 section 4, padded with =), not " + phrase(value));
  return std::nullopt;
}

std::optional<size_t> read_choice(const Value& value, const Path& path, Faults& faults,
                                  const std::vector<std::string_view>& choices) {
  if (value.kind() == Kind::kString) {
    const auto found = std::find(choices.begin(), choices.end(), value.string());
    if (found != choices.end()) return static_cast<size_t>(found - choices.begin());
  }
  std::string list;
  for (const auto choice : choices) list += (list.empty() ? "" : ", ") + std::string(choice);
  faults.add(path, phrase(value) + " is not allowed: one of " + list);
  return std::nullopt;
}

std::optional<WallMs> parse_time(std::string_view text) {
  size_t pos = 0;
  int64_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, millis = 0, offset = 0;
  const bool form = take_number(text, pos, 4, year) && take_char(text, pos, "-") &&
                    take_number(text, pos, 2, month) && take_char(text, pos, "-") &&
                    take_number(text, pos, 2, day) && take_char(text, pos, "Tt ") &&
                    take_number(text, pos, 2, hour) && take_char(text, pos, ":") &&
                    take_number(text, pos, 2, minute) && take_char(text, pos, ":") &&
                    take_number(text, pos, 2, second) && take_fraction(text, pos, millis) &&
                    take_offset(text, pos, offset) && pos == text.size();
  if (!form || year < 1970 || month < 1 || month > 12 || day < 1 ||
      day > days_of_month(year, month) || hour > 23 || minute > 59 || second > 60) {
    return std::nullopt;
  }
  const int64_t minutes = days_of_date(year, month, day) * 1440 + hour * 60 + minute - offset;
  const WallMs at = (minutes * 60 + second) * 1000 + millis;
  constexpr WallMs kEnd = 253'402'300'800'000;  // 10000-01-01
  if (at <= 0 || at >= kEnd) return std::nullopt;
  return at;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  return decode_digits(text, kFromBase64);
}

void append_base64(std::string& out, std::string_view bytes) {
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
  encode_digits(out, bytes, kBase64);
  out.append((3 - bytes.size() % 3) % 3, '=');
}

std::string encode_base64url(std::string_view bytes) {
  std::string out;
  encode_digits(out, bytes, kBase64Url);
  return out;
}

std::optional<std::string> decode_base64url(std::string_view text) {
  return decode_digits(text, kFromBase64Url);
}

std::string unknown_field(std::string_view name, const std::vector<std::string_view>& known) {
  if (known.empty()) return "no such field here";
  std::string_view nearest;
  size_t best = 3;
  for (const auto candidate : known) {
    if (name.size() > 64) break;
    const size_t cost = distance(name, candidate);
    if (cost < best) best = cost, nearest = candidate;
  }
  if (!nearest.empty()) {
    return "no such field here; did you mean \"" + std::string(nearest) + "\"?";
  }
  std::string list;
  for (const auto candidate : known) list += (list.empty() ? "" : ", ") + std::string(candidate);
  return "no such field here; known are " + list;
}

}  // namespace phoenix::json
