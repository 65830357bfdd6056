#include <fmt/format.h>

#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/serve/serve_flags.h"
#include "runtime/data_folder.h"
#include "runtime/gossip/pool_folder.h"
#include "runtime/serve.h"

namespace phoenix::cli {
namespace {

struct ServeLine {
  ServeOptions checked;  // what the setters fill while the line is parsed; only a check
  GivenFlags given;
  std::string config;
};

int serve_host(Context& context, const ServeLine& line) {
  auto options = merge_serve_options(line.config, line.given);
  if (!options) return context.out.report(options.error());
  options->color = context.out.color();
  options->quiet = context.out.quiet();
  return serve(*options);
}

Command serve_command(const std::string& path) {
  const auto line = std::make_shared<ServeLine>();
  Command command;
  command.path = path;
  command.summary = "run a host here, in the foreground";
  command.usage = "[--listen HOST:PORT] [--data DIR] [flags]";
  command.detail =
      "Ctrl-C or SIGTERM: finishes what is being written and ends within 5 s; packets stay.\n"
      "Each flag is also a key of the --config file, in camelCase: maxLivePackets: 5000.";
  command.example =
      "phoenix serve\n"
      "phoenix serve --listen 127.0.0.1:0 --data /var/lib/phoenix --config phoenix.yaml";
  command.flags.push_back(
      text_flag("--config", "FILE", &line->config, "YAML with these flags; flags win"));
  for (Flag& flag : serve_flags(&line->checked)) {
    flag.set = [name = flag.name, check = flag.set, line](std::string_view value) -> Complaint {
      Complaint complaint = check(value);
      if (!complaint) line->given.emplace_back(name, value);
      return complaint;
    };
    command.flags.push_back(std::move(flag));
  }
  command.run = [line](Context& context) { return serve_host(context, *line); };
  return command;
}

Failure unprepared(const Error& error) {
  return {kExitFailed, "cannot prepare the data folder", error.detail, "choose another: --data DIR",
          ""};
}

// What `serve` would find missing at its first start: the folder itself and its secret keys.
Outcome<int> prepare_folder(Context& context, const std::string& path) {
  const auto folder = DataFolder::open(path);
  if (!folder && folder.error().kind == ErrorKind::kConflict) {
    // A host runs on it, so nothing is missing.
    context.out.remark(folder.error().detail.substr(0, folder.error().detail.find(';')));
    return kExitDone;
  }
  if (!folder) return tl::unexpected(unprepared(folder.error()));
  if (const auto pool = gossip::open_pool_folder(path); !pool) {
    return tl::unexpected(unprepared(pool.error()));
  }
  if (const auto key = folder->token_key(); !key) return tl::unexpected(unprepared(key.error()));
  if (context.out.for_people() && !context.out.quiet()) {
    context.out.print_line(
        fmt::format("data folder {} is ready; start a host: phoenix serve", path));
  } else if (context.out.format() == Format::kName) {
    context.out.print_line(path);
  } else if (!context.out.for_people()) {
    print_answer(context, Json::object().set("data", Json::string(path)), path, "");
  }
  return kExitDone;
}

}  // namespace

void add_serve_commands(std::vector<Command>& table) {
  table.push_back(serve_command("serve"));
  Command runtime = serve_command("runtime start");
  runtime.hidden = true;
  runtime.summary = "the same as phoenix serve";
  table.push_back(std::move(runtime));

  const auto folder = std::make_shared<std::string>(".phoenixflight");
  Command init;
  init.path = "init";
  init.summary = "prepare the data folder (phoenix serve does it too)";
  init.usage = "[--data DIR]";
  init.example = "phoenix init";
  init.flags.push_back(text_flag("--data", "DIR", folder.get(), "data folder (.phoenixflight)"));
  init.run = [folder](Context& context) {
    return finish(context, prepare_folder(context, *folder));
  };
  table.push_back(std::move(init));
}

}  // namespace phoenix::cli
