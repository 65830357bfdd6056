#include "cli/keys/key_commands.h"

#include <fmt/format.h>

#include <memory>

#include "base/bytes_text.h"
#include "cli/context.h"
#include "cli/keys/key_files.h"
#include "cli/table.h"

namespace phoenix::cli {
namespace {

using lineage::KeyRole;

void print(Context& context, const KeyFile& file) {
  print_answer(context, key_document(file), file.key.key.id(),
               key_sheet(file, context.out.color()));
}

// The id alone: the namespace of a member stands inside.
std::string stem_of(const std::string& name) {
  const size_t slash = name.find('/');
  return slash == std::string::npos ? name : name.substr(slash + 1);
}

struct NewOptions {
  std::string role = "member";
  std::string folder = ".";
};

Outcome<int> new_key(Context& context, const NewOptions& options, std::string name) {
  KeyRole role = KeyRole::kMember;
  if (options.role == "root") role = KeyRole::kRoot;
  if (options.role == "host") role = KeyRole::kHost;
  if (role == KeyRole::kMember && name.find('/') == std::string::npos) {
    const std::string ns = context.api.name_space();
    name = (ns.empty() ? "default" : ns) + "/" + name;
  }
  if (!lineage::valid_key_name(role, name)) {
    return tl::unexpected(
        wrong_use(fmt::format("\"{}\" cannot be the name of a {}", name, options.role),
                  "it is 1 to 128 of A-Z a-z 0-9 . _ - and starts with a letter or digit"));
  }
  const auto made = make_key(options.folder, role, name, stem_of(name));
  if (!made) return tl::unexpected(made.error());
  print(context, *made);
  return kExitDone;
}

Outcome<int> show_key(Context& context, const std::string& path) {
  const auto key = read_key(path);
  if (!key) return tl::unexpected(key.error());
  print(context, *key);
  return kExitDone;
}

Outcome<int> list_keys(Context& context, const std::string& folder) {
  const auto keys = read_keys(folder, true);
  if (!keys) return tl::unexpected(keys.error());
  Json items = Json::array();
  Table table({{"KEY"}, {"ROLE"}, {"NAME"}, {"FILE"}, {"PUBLIC KEY", true}});
  for (const KeyFile& file : *keys) {
    if (context.out.format() == Format::kName) context.out.print_line(file.key.key.id());
    items.push(key_document(file));
    table.add({file.key.key.id(), std::string(lineage::role_name(file.key.role)),
               harmless(file.key.name), harmless(file.path), base64_text(file.key.key.view())});
  }
  if (context.out.format() == Format::kName) return kExitDone;
  print_answer(context, Json::object().set("items", std::move(items)), "",
               table.render(context.out.wide(), context.out.color()));
  return kExitDone;
}

void add_new(std::vector<Command>& table) {
  const auto options = std::make_shared<NewOptions>();
  const auto words = std::make_shared<std::vector<std::string>>();
  Command command;
  command.path = "key new";
  command.summary = "a new key pair, in two files";
  command.usage = "NAME [--role member|host|root] [--dir DIR]";
  command.detail =
      "NAME.key is readable by you alone: who has it can speak as its owner. NAME.pub is for\n"
      "everybody who is to verify what its owner signs. A member's name may be NAMESPACE/ID.";
  command.example = "phoenix key new ocr-1 --dir keys";
  command.flags.push_back(choice_flag("--role", {"member", "host", "root"}, &options->role,
                                      "whose key it is to be (default: member)"));
  command.flags.push_back(
      text_flag("--dir", "DIR", &options->folder, "where its files go (default: here)"));
  command.words_name = "NAME";
  command.words_min = command.words_max = 1;
  command.words = words.get();
  command.run = [options, words](Context& context) {
    return finish(context, new_key(context, *options, words->front()));
  };
  table.push_back(std::move(command));
}

void add_show(std::vector<Command>& table) {
  const auto words = std::make_shared<std::vector<std::string>>();
  Command command;
  command.path = "key show";
  command.summary = "the id, the owner and the public half of a key";
  command.usage = "FILE";
  command.example = "phoenix key show keys/ocr-1.pub";
  command.words_name = "FILE";
  command.words_min = command.words_max = 1;
  command.words = words.get();
  command.run = [words](Context& context) {
    return finish(context, show_key(context, words->front()));
  };
  table.push_back(std::move(command));
}

void add_list(std::vector<Command>& table) {
  const auto words = std::make_shared<std::vector<std::string>>();
  Command command;
  command.path = "key list";
  command.summary = "the keys of a folder";
  command.usage = "[DIR]";
  command.example = "phoenix key list keys";
  command.words_name = "DIR";
  command.words_max = 1;
  command.words = words.get();
  command.run = [words](Context& context) {
    return finish(context, list_keys(context, words->empty() ? "." : words->front()));
  };
  table.push_back(std::move(command));
}

}  // namespace

void add_key_commands(std::vector<Command>& table) {
  add_new(table);
  add_show(table);
  add_list(table);
}

}  // namespace phoenix::cli
