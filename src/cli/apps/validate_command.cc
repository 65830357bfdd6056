#include <fmt/format.h>

#include <memory>

#include "cli/apps/app_commands.h"
#include "cli/apps/app_file.h"
#include "manifest/kinds/json_schema.h"

namespace phoenix::cli {
namespace {

Outcome<int> validate(Context& context, const AppFlags& flags) {
  if (context.out.format() == Format::kJson || context.out.format() == Format::kYaml) {
    const manifest::Loaded loaded =
        manifest::load_app({flags.file, flags.strict, flags.tests, wall_now_ms()});
    print_answer(context, findings_document(loaded), "", "");
    return loaded.valid() ? kExitDone : kExitFailed;
  }
  const auto app = load_for(context, flags, "Validation failed");
  if (!app) return tl::unexpected(app.error());
  if (!app->declared) {
    context.out.print_line(fmt::format("{} is valid.", flags.file));
  } else {
    context.out.print_line("PhoenixFile is valid.");
    context.out.print_line("Application: " + app->name);
    context.out.print_line("Namespace:   " + app->ns);
    context.out.print_line("Version:     " + app->release);
  }
  context.out.print_line(fmt::format(
      "Declares:    agents {}, packets {}, policies {}, contracts {}", app->agents.size(),
      app->packets.size(), app->policies.size(), app->contracts.size()));
  return kExitDone;
}

struct SchemaOptions {
  std::vector<std::string> words;
  std::string version = "v1";
};

Outcome<int> print_schema(Context& context, const SchemaOptions& options) {
  const std::string kind = options.words.empty() ? "" : options.words.front();
  const manifest::KindTable* table = manifest::find_kind(kind);
  if (table == nullptr) {
    std::string known;
    for (const manifest::KindTable& each : manifest::all_kinds()) {
      known += (known.empty() ? "" : ", ") + each.kind;
    }
    if (kind.empty()) {
      for (const manifest::KindTable& each : manifest::all_kinds()) {
        context.out.print_line(fmt::format("{:<16} {}", each.kind, each.help));
      }
      return kExitDone;
    }
    return tl::unexpected(
        wrong_use(fmt::format("no kind is called \"{}\"", kind), "", "there are " + known));
  }
  const bool alpha = options.version == "v1alpha1" || kind == "PolicyRules";
  context.out.print(manifest::json_schema(
      *table, alpha ? manifest::ApiVersion::kAlpha : manifest::ApiVersion::kV1));
  return kExitDone;
}

}  // namespace

void add_validate(std::vector<Command>& table) {
  const auto flags = std::make_shared<AppFlags>();
  flags->tests = true;
  Command command;
  command.path = "validate";
  command.summary = "check a PhoenixFile and all that it names, every fault in one run";
  command.usage = "[-f FILE] [--strict]";
  command.detail =
      "Each fault is one line: file:line:column: path: value: what is allowed. Also found is what\n"
      "can never work: a packet that no agent may take, a contract that nobody can meet. In\n"
      "apiVersion phoenixflight.io/v1alpha1 such findings and unknown keys are warnings.";
  command.example = "phoenix validate -f shop/PhoenixFile --strict";
  add_app_flags(command.flags, flags.get());
  command.run = [flags](Context& context) { return finish(context, validate(context, *flags)); };
  table.push_back(std::move(command));

  const auto options = std::make_shared<SchemaOptions>();
  Command schema;
  schema.path = "schema";
  schema.summary = "the JSON Schema of a kind of document, for editors; without KIND the kinds";
  schema.usage = "[KIND] [--api-version v1|v1alpha1]";
  schema.example = "phoenix schema Agent > agent.schema.json";
  schema.flags.push_back(choice_flag("--api-version", {"v1", "v1alpha1"}, &options->version,
                                     "for which apiVersion (v1)"));
  schema.words_name = "KIND";
  schema.words_max = 1;
  schema.words = &options->words;
  schema.run = [options](Context& context) {
    return finish(context, print_schema(context, *options));
  };
  table.push_back(std::move(schema));
}

}  // namespace phoenix::cli
