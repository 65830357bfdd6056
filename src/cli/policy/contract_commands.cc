// Contracts of handoffs at a host: laid down from YAML files, listed, shown, taken away.
#include <fmt/format.h>

#include <map>
#include <memory>

#include "cli/context.h"
#include "cli/policy/policy_commands.h"
#include "cli/table.h"
#include "manifest/app/load.h"
#include "policy/contract/source.h"

namespace phoenix::cli {
namespace {

struct ApplyOptions {
  std::vector<std::string> files;
  bool dry_run = false;
};

// All contracts of these files, by namespace. Every fault of every file is told at once.
Outcome<std::map<std::string, Json>> read_contracts(Context& context,
                                                    const std::vector<std::string>& files) {
  const std::string fallback =
      context.api.name_space().empty() ? "default" : context.api.name_space();
  std::map<std::string, Json> by_namespace;
  std::string faults;
  for (const std::string& file : files) {
    auto text = read_input(file, 1 << 20, "cannot read the contract");
    if (!text) return tl::unexpected(text.error());
    const manifest::Loaded loaded = manifest::load_text(*text, file, false);
    for (const manifest::Finding& finding : loaded.findings) {
      if (finding.is_error()) {
        faults += (faults.empty() ? "" : "\n") + finding.text();
      } else {
        context.out.remark("warning: " + finding.text());
      }
    }
    for (const manifest::Contract& contract : loaded.app.contracts) {
      if (!contract.in_force) {
        context.out.remark(
            fmt::format("warning: {}: contract {} is of v1alpha1 and takes effect only "
                        "with spec.enforce: true; it is left out",
                        contract.place.text(), contract.name));
        continue;
      }
      const auto terms = Json::parse(policy::contract_json(contract.terms));
      Json document = Json::object();
      document.set("kind", Json::string("contract")).set("name", Json::string(contract.name));
      if (terms) document.set("spec", *terms);
      // A file without a namespace belongs to the one that is asked for.
      const std::string ns = contract.ns == "default" ? fallback : contract.ns;
      by_namespace.try_emplace(ns, Json::array()).first->second.push(std::move(document));
    }
  }
  if (faults.empty()) return by_namespace;
  return tl::unexpected(Failure{kExitFailed, "cannot apply the contracts", faults, "", ""});
}

std::string change_text(const Json& item) {
  const std::string change = item["change"].text();
  return change.empty() ? "unchanged" : change;
}

Outcome<int> apply(Context& context, const ApplyOptions& options) {
  const auto contracts = read_contracts(context, options.files);
  if (!contracts) return tl::unexpected(contracts.error());
  if (contracts->empty()) {
    return tl::unexpected(wrong_use("the files declare no contract that takes effect",
                                    "a contract is a document of kind HandoffContract"));
  }
  Json items = Json::array();
  Table table({{"CONTRACT"}, {"NAMESPACE"}, {"CHANGE"}});
  for (const auto& [ns, documents] : *contracts) {
    Json body = Json::object();
    body.set("documents", documents);
    if (options.dry_run) body.set("dryRun", Json::boolean(true));
    Globals globals = context.globals;
    globals.name_space = ns;
    Api api(globals, &context.out);
    const auto reply = api.post("cannot apply the contracts", Target({"documents:apply"}), body);
    if (!reply) return tl::unexpected(reply.error());
    for (const Json& item : reply->json["items"].items()) {
      table.add({harmless(item["name"].text()), harmless(ns), change_text(item)});
      items.push(item);
    }
  }
  print_answer(context, Json::object().set("items", std::move(items)), "",
               table.render(context.out.wide(), context.out.color()));
  return kExitDone;
}

Outcome<int> list(Context& context) {
  const auto reply = context.api.get("cannot list the contracts", Target({"contracts"}));
  if (!reply) return tl::unexpected(reply.error());
  Table table({{"CONTRACT"}, {"REVISION"}, {"APP"}, {"DIGEST"}});
  for (const Json& item : reply->json["items"].items()) {
    if (context.out.format() == Format::kName) context.out.print_line(item["name"].text());
    table.add({harmless(item["name"].text()), item["revision"].dump(), harmless(item["app"].text()),
               item["digest"].text()});
  }
  if (context.out.format() == Format::kName) return kExitDone;
  print_answer(context, *reply, "",
               table.empty() ? "no contract: handoffs are bound by scopes and meaning alone\n"
                             : table.render(context.out.wide(), context.out.color()));
  return kExitDone;
}

Outcome<int> show(Context& context, const std::string& name) {
  const auto reply = context.api.get("cannot show contract " + name, Target({"contracts", name}));
  if (!reply) return tl::unexpected(reply.error());
  const std::string sheet = render_sheet({{"Contract", harmless(name)},
                                          {"Revision", reply->json["revision"].dump()},
                                          {"App", harmless(reply->json["app"].text())},
                                          {"Digest", reply->json["digest"].text()},
                                          {"Terms", harmless(reply->json["spec"].dump())}},
                                         context.out.color());
  print_answer(context, *reply, name, sheet);
  return kExitDone;
}

Outcome<int> remove(Context& context, const std::string& name) {
  const auto reply = context.api.send("cannot delete contract " + name, "DELETE",
                                      Target({"contracts", name}), "", "");
  if (!reply) return tl::unexpected(reply.error());
  print_answer(context, *reply, name, "contract " + name + " is deleted");
  return kExitDone;
}

Command by_name(const std::string& path, const std::string& summary, const std::string& example,
                Outcome<int> (*act)(Context&, const std::string&)) {
  const auto words = std::make_shared<std::vector<std::string>>();
  Command command;
  command.path = path;
  command.summary = summary;
  command.usage = "NAME";
  command.example = example;
  command.words_name = "NAME";
  command.words_min = command.words_max = 1;
  command.words = words.get();
  command.run = [words, act](Context& context) {
    return finish(context, act(context, words->front()));
  };
  return command;
}

}  // namespace

void add_contract_commands(std::vector<Command>& table) {
  const auto options = std::make_shared<ApplyOptions>();
  Command apply_it;
  apply_it.path = "contract apply";
  apply_it.summary = "lay down contracts that handoffs are held to";
  apply_it.usage = "-f FILE [-f FILE…] [--dry-run]";
  apply_it.detail =
      "Files of kind HandoffContract; `phoenix schema HandoffContract` shows their fields. All of "
      "a\n"
      "namespace in one step: all of them or none. The same again changes nothing.";
  apply_it.example = "phoenix contract apply -f contracts/personal-data.yaml";
  Flag file = texts_flag("--file", "FILE", &options->files, "a file with contracts; - is stdin");
  file.letter = 'f';
  apply_it.flags.push_back(std::move(file));
  apply_it.flags.push_back(
      switch_flag("--dry-run", &options->dry_run, "say what would be done, and do nothing"));
  apply_it.run = [options](Context& context) {
    return finish(context, options->files.empty()
                               ? tl::unexpected(wrong_use("which file is it?", "", "-f FILE"))
                               : apply(context, *options));
  };
  table.push_back(std::move(apply_it));
  Command list_them;
  list_them.path = "contract list";
  list_them.summary = "the contracts of a namespace";
  list_them.example = "phoenix contract list";
  list_them.run = [](Context& context) { return finish(context, list(context)); };
  table.push_back(std::move(list_them));
  table.push_back(by_name("contract show", "the terms of a contract, and its digest",
                          "phoenix contract show personal-data", show));
  table.push_back(by_name("contract delete", "take a contract away",
                          "phoenix contract delete personal-data", remove));
}

}  // namespace phoenix::cli
