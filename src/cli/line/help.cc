#include "cli/line/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/table.h"

namespace phoenix::cli {
namespace {

constexpr size_t kColumns = 100;
constexpr size_t kMostName = 30;

std::string flag_shape(const Flag& flag) {
  std::string shape = flag.letter == 0 ? "    " : fmt::format("-{}, ", flag.letter);
  shape += flag.name;
  if (flag.value.empty()) return shape;
  return shape + (flag.optional_value ? "[=" + flag.value + "]" : " " + flag.value);
}

// `text` broken at spaces so that no line passes the last column, later lines indented.
std::string wrapped(const std::string& text, size_t indent) {
  std::string out;
  size_t column = indent;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (column > indent && column + 1 + display_width(word) > kColumns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out.push_back(' ');
      ++column;
    }
    out += word;
    column += display_width(word);
    at = end + 1;
  }
  return out;
}

std::string two_columns(const std::vector<std::pair<std::string, std::string>>& rows) {
  size_t width = 0;
  for (const auto& row : rows) {
    const size_t own = display_width(row.first);
    if (own <= kMostName) width = std::max(width, own);
  }
  std::string out;
  for (const auto& [name, text] : rows) {
    const size_t own = display_width(name);
    out += "  " + name;
    out += own > width ? "\n" + std::string(width + 4, ' ') : std::string(width - own + 2, ' ');
    out += wrapped(text, width + 4) + "\n";
  }
  return out;
}

std::string flags_text(const std::vector<Flag>& flags) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Flag& flag : flags) {
    if (!flag.hidden) rows.emplace_back(flag_shape(flag), flag.help);
  }
  return two_columns(rows);
}

std::string indented(const std::string& text) {
  std::string out = "  ";
  for (char c : text) {
    out.push_back(c);
    if (c == '\n') out += "  ";
  }
  return out + "\n";
}

bool shown(const Command& command) { return !command.later && !command.hidden; }

// The verbs below a word, as "packet", and what each is for.
std::vector<std::pair<std::string, std::string>> verbs_below(const std::vector<Command>& table,
                                                             const std::string& word) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Command& command : table) {
    if (shown(command) && command.path.starts_with(word + " ")) {
      rows.emplace_back(command.path.substr(word.size() + 1), command.summary);
    }
  }
  return rows;
}

// "packet" of "packet submit"; the verb itself if it stands alone.
std::string first_word(const Command& command) {
  return command.path.substr(0, command.path.find(' '));
}

}  // namespace

std::string program_help(const std::vector<Command>& table, const std::vector<Flag>& globals) {
  std::vector<std::pair<std::string, std::string>> single;
  std::vector<std::pair<std::string, std::string>> groups;
  for (const Command& command : table) {
    if (!shown(command)) continue;
    if (command.path.find(' ') == std::string::npos) {
      single.emplace_back(command.path, command.summary);
      continue;
    }
    const std::string group = first_word(command);
    const std::string verb = command.path.substr(group.size() + 1);
    if (groups.empty() || groups.back().first != group) groups.emplace_back(group, "");
    groups.back().second += (groups.back().second.empty() ? "" : " | ") + verb;
  }
  std::string out = "phoenix: work that survives its workers\n\n";
  out += "Usage:\n  phoenix COMMAND [flags]\n\nCommands:\n" + two_columns(single);
  out += "\nAnd for each noun:\n" + two_columns(groups);
  out += "\nFlags of every command, before or after it:\n" + flags_text(globals);
  out += "\nStart here:\n" + indented("phoenix demo\nphoenix serve\nphoenix packet submit --help");
  return out;
}

std::string group_help(const std::vector<Command>& table, const std::string& group) {
  const auto rows = verbs_below(table, group);
  std::string out = fmt::format("Usage:\n  phoenix {} COMMAND [flags]\n\nCommands:\n", group);
  out += two_columns(rows);
  return out + fmt::format("\nMore about one: phoenix {} {} --help\n", group,
                           rows.empty() ? "COMMAND" : rows.front().first);
}

std::string command_help(const std::vector<Command>& table, const Command& command) {
  std::string out = command.summary + "\n\nUsage:\n  phoenix " + command.path;
  out += command.usage.empty() ? " [flags]\n" : " " + command.usage + "\n";
  if (!command.detail.empty()) out += "\n" + command.detail + "\n";
  const std::string flags = flags_text(command.flags);
  if (!flags.empty()) out += "\nFlags:\n" + flags;
  if (!command.example.empty()) out += "\nExample:\n" + indented(command.example);
  const auto below = verbs_below(table, command.path);
  if (!below.empty()) out += "\nCommands below it:\n" + two_columns(below);
  return out + "\nFlags that every command takes (-n, -o, --url, …): phoenix --help\n";
}

namespace {

// Every path that completion may stand at, with the words that can follow it.
struct Place {
  std::string path;  // "", "packet", "packet list"
  std::string words;
};

std::vector<Place> places(const std::vector<Command>& table, const std::vector<Flag>& globals) {
  std::vector<Place> all;
  const auto words_of = [&all](const std::string& path) -> std::string& {
    for (Place& place : all) {
      if (place.path == path) return place.words;
    }
    all.push_back({path, ""});
    return all.back().words;
  };
  const auto add = [](std::string& words, const std::string& word) {
    if ((" " + words + " ").find(" " + word + " ") != std::string::npos) return;
    words += (words.empty() ? "" : " ") + word;
  };
  for (const Command& command : table) {
    if (!shown(command)) continue;
    // "key root new" is "root" below "key", and "new" below "key root".
    for (size_t at = 0; at < command.path.size();) {
      const size_t end = std::min(command.path.find(' ', at), command.path.size());
      add(words_of(at == 0 ? "" : command.path.substr(0, at - 1)),
          command.path.substr(at, end - at));
      at = end + 1;
    }
    std::string& words = words_of(command.path);
    for (const Flag& flag : command.flags) {
      if (!flag.hidden) add(words, flag.name);
    }
    for (const Flag& flag : globals) add(words, flag.name);
  }
  return all;
}

std::string value_cases(const std::vector<Command>& table, const std::vector<Flag>& globals,
                        std::string_view form) {
  std::string out;
  std::set<std::string> seen;
  const auto add = [&](const Flag& flag) {
    if (flag.choices.empty() || !seen.insert(flag.name).second) return;
    const std::string name =
        flag.letter == 0 ? flag.name : fmt::format("{}|-{}", flag.name, flag.letter);
    out += fmt::format(fmt::runtime(form), name, fmt::join(flag.choices, " "));
  };
  for (const Flag& flag : globals) add(flag);
  for (const Command& command : table) {
    for (const Flag& flag : command.flags) add(flag);
  }
  return out;
}

// bash and zsh share one function; zsh runs it through its bashcompinit.
std::string shell_function(const std::vector<Command>& table, const std::vector<Flag>& globals) {
  std::string out =
      "_phoenix() {\n"
      "  local word path=\"\" i cur=\"${COMP_WORDS[COMP_CWORD]}\"\n"
      "  local prev=\"${COMP_WORDS[COMP_CWORD-1]}\" words=\"\"\n"
      "  case \"$prev\" in\n";
  out += value_cases(table, globals,
                     "    {0}) COMPREPLY=($(compgen -W \"{1}\" -- \"$cur\")); return ;;\n");
  out +=
      "  esac\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=\"${COMP_WORDS[i]}\"\n"
      "    case \"$path/$word\" in\n";
  std::string steps;
  std::string follow;
  for (const Place& place : places(table, globals)) {
    follow += fmt::format("    \"{}\") words=\"{}\" ;;\n", place.path, place.words);
    if (place.path.empty()) continue;
    const size_t space = place.path.rfind(' ');
    const std::string parent = space == std::string::npos ? "" : place.path.substr(0, space);
    const std::string own = space == std::string::npos ? place.path : place.path.substr(space + 1);
    steps += fmt::format("      \"{}/{}\") path=\"{}\" ;;\n", parent, own, place.path);
  }
  out += steps +
         "    esac\n"
         "  done\n"
         "  case \"$path\" in\n" +
         follow +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "}\n";
  return out;
}

std::string fish_script(const std::vector<Command>& table, const std::vector<Flag>& globals) {
  std::string out;
  for (const char* program : {"phoenix", "pf"}) {
    out += fmt::format("complete -c {} -f\n", program);
    for (const Place& place : places(table, globals)) {
      std::string condition = "__fish_use_subcommand";
      if (!place.path.empty()) {
        condition = "string match -qr -- '^" + std::string(program) + " " + place.path +
                    "( |$)' (string join ' ' (commandline -opc))";
      }
      out += fmt::format("complete -c {} -n \"{}\" -a \"{}\"\n", program, condition, place.words);
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const std::string& shell, const std::vector<Command>& table,
                              const std::vector<Flag>& globals) {
  if (shell == "fish") return fish_script(table, globals);
  std::string out;
  if (shell == "zsh") {
    out = "#compdef phoenix pf\nautoload -U +X bashcompinit && bashcompinit\n";
  }
  return out + shell_function(table, globals) + "complete -o default -F _phoenix phoenix pf\n";
}

}  // namespace phoenix::cli
