#include <fmt/format.h>

#include "cli/line/command.h"
#include "cli/line/values.h"

namespace phoenix::cli {
namespace {

Flag make(std::string name, std::string value, std::string help, Setter set) {
  Flag flag;
  flag.name = std::move(name);
  flag.value = std::move(value);
  flag.help = std::move(help);
  flag.set = std::move(set);
  return flag;
}

template <class T, class Into>
Complaint put(const tl::expected<T, std::string>& parsed, Into* into) {
  if (!parsed) return parsed.error();
  *into = *parsed;
  return std::nullopt;
}

}  // namespace

Flag switch_flag(std::string name, bool* into, std::string help) {
  return make(std::move(name), "", std::move(help), [into](std::string_view) -> Complaint {
    *into = true;
    return std::nullopt;
  });
}

Flag text_flag(std::string name, std::string value, std::string* into, std::string help) {
  return make(std::move(name), std::move(value), std::move(help),
              [into](std::string_view text) -> Complaint {
                if (text.empty()) return "needs a value that is not empty";
                *into = text;
                return std::nullopt;
              });
}

Flag optional_text_flag(std::string name, std::string value, std::optional<std::string>* into,
                        std::string help) {
  return make(std::move(name), std::move(value), std::move(help),
              [into](std::string_view text) -> Complaint {
                *into = std::string(text);
                return std::nullopt;
              });
}

Flag texts_flag(std::string name, std::string value, std::vector<std::string>* into,
                std::string help) {
  return make(std::move(name), std::move(value), std::move(help),
              [into](std::string_view text) -> Complaint {
                into->emplace_back(text);
                return std::nullopt;
              });
}

Flag list_flag(std::string name, std::string value, std::vector<std::string>* into,
               std::string help) {
  Flag flag = make(std::move(name), std::move(value), std::move(help),
                   [into](std::string_view text) -> Complaint {
                     auto parts = split_list(text);
                     if (!parts) return parts.error();
                     into->insert(into->end(), parts->begin(), parts->end());
                     return std::nullopt;
                   });
  flag.greedy = true;
  return flag;
}

Flag number_flag(std::string name, std::string value, int64_t* into, int64_t least, int64_t most,
                 std::string help) {
  return make(std::move(name), std::move(value), std::move(help),
              [=](std::string_view text) { return put(parse_integer(text, least, most), into); });
}

Flag optional_number_flag(std::string name, std::string value, std::optional<int64_t>* into,
                          int64_t least, int64_t most, std::string help) {
  return make(std::move(name), std::move(value), std::move(help),
              [=](std::string_view text) { return put(parse_integer(text, least, most), into); });
}

Flag duration_flag(std::string name, std::string value, Duration* into, std::string help) {
  return make(std::move(name), std::move(value), std::move(help),
              [=](std::string_view text) { return put(parse_duration(text), into); });
}

Flag optional_duration_flag(std::string name, std::string value, std::optional<Duration>* into,
                            std::string help) {
  return make(std::move(name), std::move(value), std::move(help),
              [=](std::string_view text) { return put(parse_duration(text), into); });
}

Flag choice_flag(std::string name, std::vector<std::string> choices, std::string* into,
                 std::string help) {
  Flag flag = make(std::move(name), fmt::format("{}", fmt::join(choices, "|")), std::move(help),
                   [into, choices](std::string_view text) -> Complaint {
                     for (const std::string& choice : choices) {
                       if (choice == text) {
                         *into = choice;
                         return std::nullopt;
                       }
                     }
                     return fmt::format("\"{}\" is none of {}", text, fmt::join(choices, ", "));
                   });
  flag.choices = choices;
  return flag;
}

Flag later_flag(std::string name, std::string value) {
  Flag flag = make(std::move(name), std::move(value), "",
                   [](std::string_view) -> Complaint { return std::string(kNotInThisVersion); });
  flag.hidden = true;
  return flag;
}

}  // namespace phoenix::cli
