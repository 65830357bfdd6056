#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "base/closest.h"
#include "base/key.h"
#include "cli/apps/app_commands.h"
#include "cli/apps/templates.h"
#include "cli/context.h"
#include "cli/table.h"

namespace phoenix::cli {
namespace {

namespace fs = std::filesystem;

struct NewOptions {
  std::vector<std::string> words;
  std::string app = "basic";
  std::string name_space = "default";
  std::string kind;  // of the original's line; every template names its own
  bool list = false;
  bool force = false;
};

std::vector<std::string> template_names() {
  std::vector<std::string> out;
  for (const apps::TemplateFile& file : apps::template_files()) {
    if (out.empty() || out.back() != file.app) out.emplace_back(file.app);
  }
  return out;
}

// The comment that a template's PhoenixFile opens with.
std::string about(const std::string& app) {
  for (const apps::TemplateFile& file : apps::template_files()) {
    if (file.app != app || file.path != "PhoenixFile") continue;
    std::string out;
    std::string_view rest = file.text;
    while (rest.starts_with("# ")) {
      const size_t end = rest.find('\n');
      out += (out.empty() ? "" : " ") + std::string(rest.substr(2, end - 2));
      rest.remove_prefix(end + 1);
    }
    return out.substr(0, out.find(". ") == std::string::npos ? out.size() : out.find(". ") + 1);
  }
  return "";
}

int list_templates(Context& context) {
  Json items = Json::array();
  Table table({{"TEMPLATE"}, {"WHAT IT SHOWS"}});
  for (const std::string& name : template_names()) {
    if (context.out.format() == Format::kName) context.out.print_line(name);
    Json item = Json::object();
    item.set("name", Json::string(name)).set("about", Json::string(about(name)));
    items.push(std::move(item));
    table.add({name, about(name)});
  }
  if (context.out.format() == Format::kName) return kExitDone;
  print_answer(context, Json::object().set("items", std::move(items)), "",
               table.render(context.out.wide(), context.out.color()));
  return kExitDone;
}

std::string filled_in(std::string text, const std::string& name, const std::string& ns) {
  for (const auto& [mark, value] : {std::pair<std::string, std::string>("{{NAME}}", name),
                                    std::pair<std::string, std::string>("{{NAMESPACE}}", ns)}) {
    for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size()) {
      text.replace(at, mark.size(), value);
    }
  }
  return text;
}

// A folder that is not there is empty.
bool empty_folder(const std::string& path) {
  std::error_code error;
  return !fs::exists(path, error) || fs::is_empty(path, error);
}

std::optional<std::string> write_file(const fs::path& path, const std::string& text) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return error.message();
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return std::string(std::strerror(errno));
  return std::nullopt;
}

// What had been written when the disk was full: half an app would only be in the way. Requires: the
// folder was empty, or was not there.
void take_back(const fs::path& folder, bool was_there) {
  std::error_code ignored;
  if (!was_there) {
    fs::remove_all(folder, ignored);
    return;
  }
  std::vector<fs::path> made;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) made.push_back(entry.path());
  for (const fs::path& path : made) fs::remove_all(path, ignored);
}

Outcome<int> make_app(Context& context, const NewOptions& options) {
  if (options.list) return list_templates(context);
  if (options.words.empty()) {
    return tl::unexpected(wrong_use("the app's name is missing", "",
                                    "for example: phoenix new shop --template basic"));
  }
  const std::string& name = options.words.front();
  if (!valid_id(name)) {
    return tl::unexpected(wrong_use(fmt::format("\"{}\" is no name for an app", name),
                                    "1 to 128 of A-Z a-z 0-9 . _ -, first a letter or digit"));
  }
  if (!valid_id(options.name_space)) {
    return tl::unexpected(
        wrong_use(fmt::format("--namespace: \"{}\" is no namespace", options.name_space),
                  "1 to 128 of A-Z a-z 0-9 . _ -, first a letter or digit"));
  }
  const std::vector<std::string> known = template_names();
  if (std::find(known.begin(), known.end(), options.app) == known.end()) {
    const std::string near = closest(options.app, known);
    return tl::unexpected(wrong_use(fmt::format("no template is called \"{}\"{}", options.app,
                                                near.empty() ? "" : ", did you mean " + near + "?"),
                                    "", "see them: phoenix new --list"));
  }
  if (!options.force && !empty_folder(name)) {
    return tl::unexpected(Failure{kExitFailed, "New failed: the folder " + name + " is not empty",
                                  "nothing was written", "write into it all the same: --force",
                                  ""});
  }
  const bool was_empty = empty_folder(name);
  std::error_code ignored;
  const bool was_there = fs::exists(name, ignored);
  std::string lines;
  for (const apps::TemplateFile& file : apps::template_files()) {
    if (file.app != options.app) continue;
    const std::string text = filled_in(std::string(file.text), name, options.name_space);
    const std::string path = filled_in(std::string(file.path), name, options.name_space);
    const auto fault = write_file(fs::path(name) / path, text);
    if (fault) {
      if (was_empty) take_back(name, was_there);
      return tl::unexpected(
          Failure{kExitFailed, "New failed: " + name, fmt::format("{}: {}", path, *fault), "", ""});
    }
    lines += fmt::format("  + {}/{}\n", name, path);
  }
  if (context.out.format() == Format::kName) {
    context.out.print_line(name);
    return kExitDone;
  }
  context.out.print(
      fmt::format("Created PhoenixFlight app: {} (Template: {})\n{}", name, options.app, lines));
  context.out.print(fmt::format("Next steps:\n  cd {}\n  phoenix validate\n  phoenix run\n", name));
  return kExitDone;
}

}  // namespace

void add_app_new(std::vector<Command>& table) {
  const auto options = std::make_shared<NewOptions>();
  Command command;
  command.path = "new";
  command.summary = "a new app in a folder of its name, ready to run";
  command.usage = "NAME [--template T] | --list";
  command.example = "phoenix new shop --template customer-validation";
  command.flags.push_back(
      text_flag("--template", "T", &options->app, "what to begin with (basic)"));
  command.flags.push_back(switch_flag("--list", &options->list, "the templates there are"));
  command.flags.push_back(
      switch_flag("--force", &options->force, "write into a folder that is not empty"));
  Flag kind = text_flag("--type", "T", &options->kind, "");
  kind.hidden = true;
  command.flags.push_back(std::move(kind));
  command.words_name = "NAME";
  command.words_max = 1;
  command.words = &options->words;
  command.run = [options](Context& context) {
    if (!context.api.name_space().empty()) options->name_space = context.api.name_space();
    return finish(context, make_app(context, *options));
  };
  table.push_back(std::move(command));
}

}  // namespace phoenix::cli
