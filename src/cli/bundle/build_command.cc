#include <fmt/format.h>

#include <memory>

#include "cli/bundle/built_bundle.h"
#include "cli/bundle/bundle_commands.h"
#include "cli/context.h"
#include "lineage/crypto/sha256.h"

namespace phoenix::cli {
namespace {

std::string counted(size_t count, const char* one, const char* many) {
  return fmt::format("- {} {}\n", count, count == 1 ? one : many);
}

std::string told(const BuiltBundle& built) {
  const manifest::App& app = built.app;
  size_t named = 0;  // the PhoenixFile and what it names
  for (const manifest::AppFile& file : app.files) named += file.kind.empty() ? 0 : 1;
  const size_t others = built.bundle.files.size() - named - 4;
  return fmt::format("PhoenixFlight bundle created:\n{}\n\nIncluded:\n- PhoenixFile\n",
                     built.path) +
         counted(app.agents.size(), "agent", "agents") +
         counted(app.packets.size(), "packet", "packets") +
         counted(app.policies.size(), "policy", "policies") +
         counted(app.contracts.size(), "handoff contract", "handoff contracts") +
         (others == 0 ? "" : counted(others, "other file", "other files")) +
         "- manifest.json\n- validation-report.json\n- hashes.json\n" +
         (built.signed_by.empty()
              ? ""
              : fmt::format("\nSigned by the key {}: {}.sig\n", built.signed_by, built.path));
}

Outcome<int> build(Context& context, const BuildOptions& options) {
  const auto built = build_bundle(context, options, "Build failed");
  if (!built) return tl::unexpected(built.error());
  Json document = Json::object();
  document.set("path", Json::string(built->path))
      .set("name", Json::string(built->app.name))
      .set("version", Json::string(built->app.release))
      .set("bundleId", Json::string(built->bundle.info.bundle_id))
      .set("digest", Json::string("sha256:" + lineage::hex(built->bundle.digest)))
      .set("files", Json::number(static_cast<int64_t>(built->bundle.files.size())))
      .set("signedBy", built->signed_by.empty() ? Json() : Json::string(built->signed_by));
  print_answer(context, std::move(document), built->path, told(*built));
  return kExitDone;
}

}  // namespace

void add_build_command(std::vector<Command>& table) {
  const auto options = std::make_shared<BuildOptions>();
  Command command;
  command.path = "build";
  command.summary = "an app as one file, for others to verify and run";
  command.usage = "[-f FILE] [--to FILE] [--key FILE]";
  command.detail =
      "The app is validated first. All of its folder goes in but names that begin with a dot,\n"
      "__pycache__, dist/, bundles, and what a file .phoenixignore names. The same files make the\n"
      "same bytes, wherever and whenever. With --key, FILE.sig beside it holds the signature.";
  command.example = "phoenix build -f shop/PhoenixFile --key keys/release.key";
  add_app_flags(command.flags, &options->app);
  command.flags.push_back(
      text_flag("--to", "FILE", &options->to, "where to (dist/NAME-VERSION.pflight)"));
  command.flags.push_back(
      text_flag("--key", "FILE", &options->key, "a secret key of `phoenix key new` to sign with"));
  command.run = [options](Context& context) { return finish(context, build(context, *options)); };
  table.push_back(std::move(command));
}

}  // namespace phoenix::cli
