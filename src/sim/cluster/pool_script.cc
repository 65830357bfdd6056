#include "sim/cluster/pool_script.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>

namespace phoenix::sim {

namespace {

std::optional<uint64_t> number_of(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line.substr(0, line.find('#')));
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

using Words = std::vector<std::string>;

bool take_count(const Words& words, size_t& out) {
  const auto number = words.size() == 2 ? number_of(words[1]) : std::nullopt;
  if (number) out = *number;
  return number.has_value();
}

bool take_duration(const Words& words, Duration& out) {
  const auto length = parse_duration(words.size() == 2 ? words[1] : "");
  if (length) out = *length;
  return length.has_value();
}

template <class Int>
bool take_range(const Words& words, Int& first, Int& last) {
  if (words.size() != 3) return false;
  const auto from = number_of(words[1]);
  const auto to = number_of(words[2]);
  if (!from || !to || *from > *to) return false;
  first = static_cast<Int>(*from);
  last = static_cast<Int>(*to);
  return true;
}

bool take_choice(const Words& words, const char* yes, const char* no, bool& out) {
  if (words.size() != 2 || (words[1] != yes && words[1] != no)) return false;
  out = words[1] == yes;
  return true;
}

bool take_act(const Words& words, PoolScript& script) {
  const auto at = parse_duration(words.size() > 2 ? words[1] : "");
  if (!at) return false;
  script.acts.push_back({*at, Words(words.begin() + 2, words.end())});
  return true;
}

bool take_expectation(const Words& words, PoolScript& script) {
  if (words.size() != 4) return false;
  const auto number = number_of(words[3]);
  if (!number || (words[2] != "<=" && words[2] != ">=" && words[2] != "==")) return false;
  script.expectations.push_back({words[1], words[2], *number});
  return true;
}

bool take_line(const Words& words, PoolScript& script) {
  const std::string& name = words[0];
  if (name == "hosts") return take_count(words, script.hosts) && script.hosts > 0;
  if (name == "workers") return take_count(words, script.workers);
  if (name == "packets") return take_count(words, script.packets);
  if (name == "clerks") return take_count(words, script.clerks);
  if (name == "come") {
    return words.size() == 3 && take_duration({words[0], words[1]}, script.come_from) &&
           take_duration({words[0], words[2]}, script.come_to) &&
           script.come_from <= script.come_to;
  }
  if (name == "submit") return take_duration(words, script.submit_from);
  if (name == "lease") return take_range(words, script.lease_from, script.lease_to);
  if (name == "seeds") return take_range(words, script.seed_first, script.seed_last);
  if (name == "roam") return take_choice(words, "yes", "no", script.roam);
  if (name == "network") return take_choice(words, "lossy", "perfect", script.lossy);
  if (name == "faults") return take_choice(words, "random", "none", script.random_faults);
  if (name == "run") return take_duration(words, script.run);
  if (name == "rest") return take_duration(words, script.rest);
  if (name == "look") return take_duration(words, script.look);
  if (name == "at") return take_act(words, script);
  if (name == "expect") return take_expectation(words, script);
  return false;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const size_t digits = text.find_first_not_of("0123456789");
  const auto number = number_of(text.substr(0, digits));
  const std::string_view unit = digits == std::string_view::npos ? "" : text.substr(digits);
  if (number) {
    const auto count = static_cast<int64_t>(*number);
    if (unit == "ms") return milliseconds(count);
    if (unit == "s") return seconds(count);
    if (unit == "m") return seconds(60 * count);
  }
  return fail(ErrorKind::kInvalidRequest,
              fmt::format("\"{}\" is no length of time, as 500ms, 3s or "
                          "2m are",
                          text));
}

Result<PoolScript> parse_pool_script(std::string_view text) {
  PoolScript script;
  std::istringstream in{std::string(text)};
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const Words words = words_of(line);
    if (words.empty() || take_line(words, script)) continue;
    return fail(ErrorKind::kInvalidRequest,
                fmt::format("line {}: \"{}\" cannot be read; see pool_script.h", number, line));
  }
  return script;
}

Result<PoolScript> read_pool_script(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(ErrorKind::kNotFound, fmt::format("{} cannot be read", path));
  std::ostringstream text;
  text << file.rdbuf();
  return parse_pool_script(text.str());
}

std::vector<std::string> unmet(const PoolScript& script, const PoolFigures& figures) {
  std::vector<std::string> out;
  for (const PoolExpectation& item : script.expectations) {
    const auto found = figures.find(item.figure);
    if (found == figures.end()) {
      out.push_back(fmt::format("there is no figure called \"{}\"", item.figure));
      continue;
    }
    const uint64_t value = found->second;
    const bool met = item.comparison == "<="   ? value <= item.number
                     : item.comparison == ">=" ? value >= item.number
                                               : value == item.number;
    if (met) continue;
    out.push_back(
        fmt::format("{} is {}, expected {} {}", item.figure, value, item.comparison, item.number));
  }
  return out;
}

}  // namespace phoenix::sim
