#include "cli/context.h"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/key.h"
#include "cli/line/values.h"
#include "cli/table.h"

namespace phoenix::cli {
namespace {

struct Closer {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

// All ids of a stdin: 100,000 of 128 bytes and their separators fit well.
constexpr size_t kMaxIdBytes = 32 * 1024 * 1024;

}  // namespace

void print_answer(Context& context, Json document, const std::string& id, const std::string& text) {
  Reply reply;
  reply.body = document.dump();
  reply.json = std::move(document);
  print_answer(context, reply, id, text);
}

Failure wrong_use(std::string what, std::string why, std::string next) {
  return {kExitWrongUse, std::move(what), std::move(why), std::move(next), ""};
}

Outcome<int64_t> whole_seconds(Duration value, std::string_view flag) {
  if (value.ns % seconds(1).ns == 0) return value.ns / seconds(1).ns;
  return tl::unexpected(
      wrong_use(fmt::format("{}: {} is no whole number of seconds", flag, format_duration(value))));
}

int64_t wall_now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Outcome<std::string> read_input(const std::string& path_or_dash, size_t limit,
                                const std::string& what) {
  const bool from_stdin = path_or_dash == "-";
  const std::string name = from_stdin ? "stdin" : path_or_dash;
  std::unique_ptr<std::FILE, Closer> file(from_stdin ? stdin
                                                     : std::fopen(path_or_dash.c_str(), "rb"));
  if (!file) return tl::unexpected(wrong_use(what, name + ": " + std::strerror(errno)));
  std::string content;
  char block[65536];
  while (const size_t n = std::fread(block, 1, sizeof block, file.get())) {
    content.append(block, n);
    if (content.size() > limit) {
      return tl::unexpected(
          wrong_use(what, fmt::format("{}: more than {} bytes, which is the limit", name, limit)));
    }
  }
  if (std::ferror(file.get()) != 0) {
    return tl::unexpected(wrong_use(what, name + ": " + std::strerror(errno)));
  }
  return content;
}

Outcome<std::vector<std::string>> expand_ids(const std::vector<std::string>& words,
                                             std::string_view noun) {
  std::vector<std::string> ids;
  bool read = false;
  for (const std::string& word : words) {
    if (word != "-") {
      ids.push_back(word);
      continue;
    }
    if (std::exchange(read, true)) continue;
    auto text = read_input("-", kMaxIdBytes, fmt::format("cannot read {} ids", noun));
    if (!text) return tl::unexpected(text.error());
    size_t at = 0;
    while ((at = text->find_first_not_of(" \t\r\n", at)) != std::string::npos) {
      const size_t end = std::min(text->find_first_of(" \t\r\n", at), text->size());
      ids.push_back(text->substr(at, end - at));
      at = end;
    }
  }
  for (const std::string& id : ids) {
    if (!valid_id(id)) {
      return tl::unexpected(
          wrong_use(fmt::format("\"{}\" is no {} id", id, noun),
                    "an id is 1 to 128 of A-Z a-z 0-9 . _ - and starts with a letter or digit"));
    }
  }
  return ids;
}

int finish(Context& context, const Outcome<int>& outcome) {
  return outcome ? *outcome : context.out.report(outcome.error());
}

int for_each_id(Context& context, const std::vector<std::string>& words, std::string_view noun,
                const std::function<Outcome<int>(const std::string& id)>& act) {
  const auto ids = expand_ids(words, noun);
  if (!ids) return context.out.report(ids.error());
  int exit_code = kExitDone;
  for (const std::string& id : *ids) {
    const int code = finish(context, act(id));
    if (exit_code == kExitDone) exit_code = code;
    if (code == kExitNoHost) break;  // the next id would find none either
  }
  return exit_code;
}

void print_answer(Context& context, const Reply& reply, const std::string& id,
                  const std::string& text) {
  switch (context.out.format()) {
    case Format::kJson:
      context.out.print_line(reply.body);
      return;
    case Format::kYaml:
      context.out.print(reply.json.dump_yaml());
      return;
    case Format::kName:
      context.out.print_line(id);
      return;
    case Format::kTable:
    case Format::kWide:
      if (!text.empty()) context.out.print_line(text);
      return;
  }
}

Outcome<std::pair<std::string, std::string>> split_pair(const std::string& text,
                                                        std::string_view flag) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return tl::unexpected(
        wrong_use(fmt::format("{}: \"{}\" is no KEY=VALUE", flag, text), "", "for example zone=a"));
  }
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

std::string joined(const Json& value, std::string_view separator) {
  std::string out;
  const auto append = [&](const std::string& part) {
    if (!out.empty()) out += separator;
    out += part;
  };
  for (const Json& item : value.items()) append(item.is_string() ? item.text() : item.dump());
  for (const auto& [key, item] : value.members()) append(key + "=" + item.text());
  return out;
}

std::string short_number(const Json& value) {
  const auto real = value.real();
  if (!real || value.integer()) return value.text();
  std::string text = fmt::format("{:.3f}", *real);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace phoenix::cli
