#include "cli/line/parse.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/closest.h"

namespace phoenix::cli {
namespace {

// The line cut into the verb's path, the words and flags around it, and what follows `--`.
struct CutLine {
  std::string path;
  std::vector<std::string> others;
  std::vector<std::string> rest;
  bool has_rest = false;
};

const Flag* find_flag(const std::vector<Flag>& flags, std::string_view name) {
  for (const Flag& flag : flags) {
    if (flag.name == name) return &flag;
    if (flag.letter != 0 && name.size() == 2 && name[0] == '-' && name[1] == flag.letter) {
      return &flag;
    }
  }
  return nullptr;
}

bool is_group(const std::vector<Command>& table, const std::string& path) {
  return std::any_of(table.begin(), table.end(), [&](const Command& command) {
    return command.path.starts_with(path) && command.path.size() > path.size() &&
           command.path[path.size()] == ' ';
  });
}

const Command* find_command(const std::vector<Command>& table, const std::string& path) {
  for (const Command& command : table) {
    if (command.path == path) return &command;
  }
  return nullptr;
}

// Walks down the verbs. A global flag in between keeps its value; whatever else looks like a flag
// is left for the parser of the command that the walk ends at.
CutLine cut(const std::vector<std::string>& args, const std::vector<Command>& table,
            const std::vector<Flag>& globals) {
  CutLine line;
  bool descending = true;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& word = args[i];
    if (word == "--") {
      line.has_rest = true;
      line.rest.assign(args.begin() + static_cast<std::ptrdiff_t>(i) + 1, args.end());
      break;
    }
    if (word.starts_with('-') && word.size() > 1) {
      line.others.push_back(word);
      const Flag* flag = find_flag(globals, word);
      if (flag != nullptr && !flag->value.empty() && i + 1 < args.size()) {
        line.others.push_back(args[++i]);
      }
      continue;
    }
    const std::string deeper = line.path.empty() ? word : line.path + " " + word;
    if (descending && (is_group(table, deeper) || find_command(table, deeper) != nullptr)) {
      line.path = deeper;
      descending = is_group(table, deeper);
      continue;
    }
    descending = false;
    line.others.push_back(word);
  }
  return line;
}

std::string help_hint(const std::string& path) {
  return path.empty() ? "see: phoenix --help" : fmt::format("see: phoenix {} --help", path);
}

WrongUse unknown_verb(const CutLine& line, const std::vector<Command>& table) {
  const auto word = std::find_if(line.others.begin(), line.others.end(),
                                 [](const std::string& other) { return other[0] != '-'; });
  const std::string prefix = line.path.empty() ? "" : line.path + " ";
  std::vector<std::string> known;
  for (const Command& command : table) {
    if (!command.path.starts_with(prefix)) continue;
    known.push_back(
        command.path.substr(prefix.size()).substr(0, command.path.substr(prefix.size()).find(' ')));
  }
  WrongUse wrong{fmt::format("unknown command: phoenix {}{}", prefix, *word), "",
                 help_hint(line.path)};
  const std::string near = closest(*word, known);
  if (!near.empty()) wrong.why = fmt::format("did you mean: phoenix {}{}", prefix, near);
  return wrong;
}

struct Use {
  const Flag* flag;
  std::string value;
};

// What CLI11 is used for: cutting `-qv`, `--flag=value`, `-ojson` and repeated flags apart. All
// checks of meaning are made here afterwards, so that its messages never reach the user.
struct Tokens {
  std::vector<Use> uses;
  std::vector<std::string> words;
  std::vector<std::string> unknown;
  std::string broken;
};

constexpr const char* kAlone = "\x01";  // stands for "--wait" without a value
// In place of the last bracket of a word: CLI11 would take "[1,2]" for a list of two words.
constexpr std::string_view kWhole = "]\x02";

std::vector<std::string> marked(std::vector<std::string> words,
                                const std::vector<const Flag*>& flags) {
  for (std::string& word : words) {
    for (const Flag* flag : flags) {
      if (flag->optional_value && word == flag->name) word += std::string("=") + kAlone;
    }
    if (word.ends_with(']')) word += kWhole.back();
  }
  return words;
}

std::string unmarked(std::string word) {
  if (word.ends_with(kWhole)) word.pop_back();
  return word;
}

std::vector<std::string> unmarked(std::vector<std::string> words) {
  for (std::string& word : words) word = unmarked(std::move(word));
  return words;
}

std::string cli11_name(const Flag& flag) {
  return flag.letter == 0 ? flag.name : fmt::format("-{},{}", flag.letter, flag.name);
}

// `greedy`: whether a list may take the words after it; not where words have a meaning of their
// own.
Tokens tokenize(const std::vector<std::string>& words, const std::vector<const Flag*>& flags,
                bool greedy) {
  Tokens tokens;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<std::string> positionals;
  app.add_option("WORDS", positionals)->expected(0, static_cast<int>(kManyWords));
  for (const Flag* flag : flags) {
    if (flag->value.empty()) {
      app.add_flag_callback(cli11_name(*flag),
                            [&tokens, flag] { tokens.uses.push_back({flag, ""}); });
      continue;
    }
    auto* option = app.add_option_function<std::vector<std::string>>(
        cli11_name(*flag), [&tokens, flag](const std::vector<std::string>& values) {
          for (const std::string& value : values) {
            tokens.uses.push_back({flag, value == kAlone ? "" : unmarked(value)});
          }
        });
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    const bool many = greedy && flag->greedy;
    option->expected(1, many ? 1000 : 1)->allow_extra_args(many);
  }
  try {
    std::vector<std::string> reversed = marked(words, flags);
    std::reverse(reversed.begin(), reversed.end());
    app.parse(std::move(reversed));
  } catch (const CLI::ArgumentMismatch&) {
    // The one mismatch that is left: a flag at the end of the line without its value.
    tokens.broken = fmt::format("{} needs a value", words.empty() ? "a flag" : words.back());
  } catch (const CLI::Error& error) {
    tokens.broken = error.what();
  }
  tokens.words = unmarked(std::move(positionals));
  tokens.unknown = unmarked(app.remaining());
  return tokens;
}

std::string flag_shape(const Flag& flag) {
  return flag.value.empty() ? flag.name : flag.name + " " + flag.value;
}

Complaint check_words(const Command& command, const CutLine& line, const Tokens& tokens) {
  const std::string name = command.words_name.empty() ? "argument" : command.words_name;
  if (command.rest == nullptr && line.has_rest) return "nothing may follow --";
  if (command.words_max == 0 && !tokens.words.empty()) {
    return fmt::format("unexpected argument \"{}\"", tokens.words.front());
  }
  if (tokens.words.size() < command.words_min) return fmt::format("{} is missing", name);
  if (tokens.words.size() > command.words_max) {
    return fmt::format("unexpected argument \"{}\"", tokens.words[command.words_max]);
  }
  return std::nullopt;
}

std::vector<std::string> flag_complaints(const Command& command, const Tokens& tokens,
                                         const std::vector<const Flag*>& flags) {
  std::vector<std::string> complaints;
  std::vector<std::string> names;
  for (const Flag* flag : flags) names.push_back(flag->name);
  for (const std::string& word : tokens.unknown) {
    if (!word.starts_with('-')) continue;
    const std::string near = closest(word.substr(0, word.find('=')), names);
    complaints.push_back(fmt::format("unknown flag {}{}", word.substr(0, word.find('=')),
                                     near.empty() ? "" : fmt::format(", did you mean {}?", near)));
  }
  if (!tokens.broken.empty()) complaints.push_back(tokens.broken);
  for (const Use& use : tokens.uses) {
    const Complaint complaint = use.flag->set(use.value);
    if (complaint) complaints.push_back(fmt::format("{}: {}", use.flag->name, *complaint));
  }
  for (const Flag& flag : command.flags) {
    const bool used = std::any_of(tokens.uses.begin(), tokens.uses.end(),
                                  [&](const Use& use) { return use.flag == &flag; });
    if (flag.required && !used) complaints.push_back(flag_shape(flag) + " is missing");
  }
  return complaints;
}

WrongUse not_in_this_version(const std::string& path) {
  return {fmt::format("phoenix {}: {}", path, kNotInThisVersion),
          "the verb is known and comes with a later version", "see: phoenix --help"};
}

bool asks_for_help(const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return word == "--help" || word == "-h"; });
}

}  // namespace

tl::expected<ParsedLine, WrongUse> parse_line(const std::vector<std::string>& args,
                                              const std::vector<Command>& table, Globals* globals) {
  const std::vector<Flag> shared = global_flags(globals);
  const CutLine line = cut(args, table, shared);
  ParsedLine parsed;
  parsed.command = find_command(table, line.path);
  parsed.group = line.path;
  if (parsed.command != nullptr && parsed.command->later) {
    return tl::unexpected(not_in_this_version(line.path));
  }
  if (asks_for_help(line.others)) {
    parsed.help = true;
    return parsed;
  }
  std::vector<const Flag*> flags;
  Command nothing;
  const Command& command = parsed.command == nullptr ? nothing : *parsed.command;
  for (const Flag& flag : command.flags) flags.push_back(&flag);
  for (const Flag& flag : shared) flags.push_back(&flag);

  const Tokens tokens = tokenize(line.others, flags, command.words_max == 0);
  if (parsed.command == nullptr && !tokens.words.empty()) {
    return tl::unexpected(unknown_verb(line, table));
  }
  std::vector<std::string> complaints = flag_complaints(command, tokens, flags);
  if (parsed.command != nullptr) {
    if (auto complaint = check_words(command, line, tokens)) complaints.push_back(*complaint);
    if (command.words != nullptr) *command.words = tokens.words;
    if (command.rest != nullptr) *command.rest = line.rest;
  }
  if (!complaints.empty()) {
    WrongUse wrong{complaints.front(), "", help_hint(line.path)};
    complaints.erase(complaints.begin());
    wrong.why = fmt::format("{}", fmt::join(complaints, "\n"));
    return tl::unexpected(wrong);
  }
  return parsed;
}

}  // namespace phoenix::cli
