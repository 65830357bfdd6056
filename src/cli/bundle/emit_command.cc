#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <set>

#include "cli/apps/app_members.h"
#include "cli/bundle/built_bundle.h"
#include "cli/bundle/bundle_commands.h"
#include "cli/bundle/deploy_files.h"
#include "cli/output_file.h"
#include "cli/version.h"
#include "lineage/crypto/sha256.h"

namespace phoenix::cli {
namespace {

namespace fs = std::filesystem;

struct EmitOptions {
  AppFlags app;
  std::string to = "dist";
  std::string key;
  std::string image = "phoenix:" + std::string(kVersion);
  std::string program;  // empty: this one
  std::string bundle;   // empty: where it is built
  std::string keys;
};

// What agents run that is found by its name: not what stands in the app's folder.
std::vector<std::string> programs_of(const manifest::App& app) {
  std::set<std::string> names;
  for (const manifest::Agent& agent : app.agents) {
    const std::vector<std::string> command = command_of(app, agent);
    if (command.empty() || command.front().find('/') != std::string::npos) continue;
    names.insert(command.front());
  }
  return {names.begin(), names.end()};
}

DeployedApp deployed(const BuiltBundle& built) {
  DeployedApp app;
  app.name = built.app.name;
  app.version = built.app.release;
  app.bundle_file = fs::path(built.path).filename();
  app.bundle_id = built.bundle.info.bundle_id;
  app.digest = lineage::hex(built.bundle.digest);
  app.programs = programs_of(built.app);
  if (built.app.drain_seconds) app.drain_seconds = *built.app.drain_seconds;
  return app;
}

int answer(Context& context, const BuiltBundle& built, const std::vector<std::string>& files) {
  Json document = Json::object();
  document.set("bundle", Json::string(built.path)).set("files", Json::strings(files));
  std::string text = built.path + "\n";
  std::string names;
  for (const std::string& file : files) names += file + "\n";
  print_answer(context, std::move(document), names, text + names);
  return kExitDone;
}

// A build's context is the folder; what may enter it is the bundle alone.
Outcome<int> emit_dockerfile(Context& context, const EmitOptions& options) {
  constexpr const char* kWhat = "cannot emit a Dockerfile";
  const auto built = build_bundle(context, {options.app, "", options.key, options.to}, kWhat);
  if (!built) return tl::unexpected(built.error());
  const DeployedApp app = deployed(*built);
  const std::string path = fmt::format("{}/{}-{}.Dockerfile", options.to, app.name, app.version);
  auto done = write_output_file(kWhat, path, dockerfile_text(app, options.image));
  if (!done) return done;
  const std::string ignore = path + ".dockerignore";
  done = write_output_file(kWhat, ignore, fmt::format("*\n!{}\n", app.bundle_file));
  if (!done) return done;
  return answer(context, *built, {path, ignore});
}

std::string absolute(const std::string& path) {
  std::error_code error;
  return fs::absolute(path, error).lexically_normal();
}

Outcome<int> emit_systemd(Context& context, const EmitOptions& options) {
  constexpr const char* kWhat = "cannot emit a unit";
  const auto built = build_bundle(context, {options.app, "", options.key, options.to}, kWhat);
  if (!built) return tl::unexpected(built.error());
  const DeployedApp app = deployed(*built);
  std::error_code error;
  UnitPaths paths;
  paths.program = options.program.empty() ? fs::read_symlink("/proc/self/exe", error).string()
                                          : absolute(options.program);
  if (paths.program.find_first_of("'\"\\\n") != std::string::npos) {
    return tl::unexpected(wrong_use(kWhat, "systemd starts no program whose path has quotes in it",
                                    "name another one: --program PATH"));
  }
  paths.bundle = absolute(options.bundle.empty() ? built->path : options.bundle);
  if (!options.keys.empty()) paths.keys = absolute(options.keys);
  const std::string path = fmt::format("{}/{}.service", options.to, app.name);
  const auto done = write_output_file(kWhat, path, unit_text(app, paths));
  if (!done) return done;
  return answer(context, *built, {path});
}

Command made(const std::string& path, const std::shared_ptr<EmitOptions>& options,
             Outcome<int> (*act)(Context&, const EmitOptions&)) {
  Command command;
  command.path = path;
  add_app_flags(command.flags, &options->app);
  command.flags.push_back(text_flag("--to", "DIR", &options->to, "where to (dist)"));
  command.flags.push_back(
      text_flag("--key", "FILE", &options->key, "a secret key to sign the bundle with"));
  command.run = [options, act](Context& context) {
    return finish(context, act(context, *options));
  };
  return command;
}

}  // namespace

void add_emit_commands(std::vector<Command>& table) {
  const auto image = std::make_shared<EmitOptions>();
  Command docker = made("emit dockerfile", image, emit_dockerfile);
  docker.summary = "an app's bundle, and a Dockerfile that copies it and nothing else";
  docker.usage = "[-f FILE] [--to DIR] [--image IMAGE]";
  docker.detail =
      "The image that it begins with must hold phoenix and the programs that the app's agents "
      "run;\n"
      "they are named in the file's head.";
  docker.example = "phoenix emit dockerfile -f shop/PhoenixFile --to deploy";
  docker.flags.push_back(text_flag("--image", "IMAGE", &image->image,
                                   fmt::format("what it begins with ({})", image->image)));
  table.push_back(std::move(docker));

  const auto unit = std::make_shared<EmitOptions>();
  Command systemd = made("emit systemd", unit, emit_systemd);
  systemd.summary = "an app's bundle, and a systemd unit that runs it";
  systemd.usage = "[-f FILE] [--to DIR] [--bundle PATH] [--program PATH] [--keys PATH]";
  systemd.detail =
      "The unit runs the bundle as a user of its own; its host's data is in /var/lib/NAME. Paths "
      "are\n"
      "those on the machine that it is for.";
  systemd.example =
      "phoenix emit systemd --bundle /opt/shop/shop-0.1.0.pflight --keys /etc/phoenix";
  systemd.flags.push_back(
      text_flag("--bundle", "PATH", &unit->bundle, "where the bundle will be (where it is made)"));
  systemd.flags.push_back(
      text_flag("--program", "PATH", &unit->program, "where phoenix is (this one)"));
  systemd.flags.push_back(text_flag("--keys", "PATH", &unit->keys,
                                    "public keys, one of which must have signed the bundle"));
  table.push_back(std::move(systemd));
}

}  // namespace phoenix::cli
