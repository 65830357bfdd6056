#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/key.h"
#include "cli/apps/app_file.h"
#include "cli/apps/app_packets.h"
#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/packets/packet_document.h"
#include "cli/packets/packet_view.h"
#include "cli/packets/packet_wait.h"

namespace phoenix::cli {
namespace {

constexpr int64_t kMostNumbered = 1'000'000;
constexpr int64_t kNumberTries = 100;

struct SubmitOptions {
  PacketFlags packet;
  std::string from;      // NDJSON file
  std::string from_dir;  // one packet a file
  WaitFlag wait;
  std::vector<std::string> words;  // `create NAME`
};

// One call's worth: the host takes 1,000 packets and 16 MiB.
constexpr size_t kBatchPackets = 1000;
constexpr size_t kBatchBytes = 8 * 1024 * 1024;
constexpr size_t kMaxLine = 4 * 1024 * 1024;
constexpr size_t kMaxFiles = 1'000'000;

// Packets that wait to be sent together, and what became of those that were.
class Batch {
 public:
  explicit Batch(Context& context) : context_(context) {}

  // `origin` names the packet in complaints: "line 12", "docs/a.txt". Sends when full.
  Outcome<int> add(const Json& packet, const std::string& origin) {
    const size_t before = body_.size();
    packet.append_to(body_);
    body_.push_back('\n');
    origins_.push_back(origin);
    if (origins_.size() < kBatchPackets && body_.size() + (body_.size() - before) < kBatchBytes) {
      return kExitDone;
    }
    return flush();
  }

  Outcome<int> flush() {
    if (origins_.empty()) return kExitDone;
    auto reply =
        context_.api.send(fmt::format("cannot submit {} to {}", origins_.front(), origins_.back()),
                          "POST", Target({"packets"}), body_, "application/x-ndjson");
    if (!reply) return tl::unexpected(reply.error());
    const auto& items = reply->json["items"].items();
    for (size_t i = 0; i < items.size() && i < origins_.size(); ++i) take(items[i], origins_[i]);
    if (context_.out.format() == Format::kJson && !quiet_ids) context_.out.print_line(reply->body);
    if (context_.out.format() == Format::kYaml && !quiet_ids) {
      context_.out.print("---\n" + reply->json.dump_yaml());
    }
    origins_.clear();
    body_.clear();
    return kExitDone;
  }

  bool quiet_ids = false;  // the results are the answer, not the ids
  std::vector<std::string> ids;
  int exit_code = kExitDone;

 private:
  void take(const Json& item, const std::string& origin) {
    if (item["packet"].is_object()) {
      ids.push_back(item["packet"]["id"].text());
      const bool plain = context_.out.for_people() || context_.out.format() == Format::kName;
      if (plain && !quiet_ids) context_.out.print_line(ids.back());
      return;
    }
    const int status = static_cast<int>(item["status"].integer().value_or(500));
    const Failure failure = failure_of("cannot submit " + origin, status, item["problem"].dump());
    if (exit_code == kExitDone) exit_code = failure.exit_code;
    context_.out.report(failure);
  }

  Context& context_;
  std::string body_;
  std::vector<std::string> origins_;
};

// What a line leaves open is taken from the flags.
Json filled_in(Json packet, const Json& defaults) {
  for (const auto& [name, value] : defaults.members()) {
    const bool payload = name.starts_with("payload");
    if (payload && (packet.has("payload") || packet.has("payloadBase64"))) continue;
    if (!packet.has(name)) packet.set(name, value);
  }
  return packet;
}

struct Closer {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

// The next line without its line feed; nullopt at the end. Longer than kMaxLine: a Failure.
Outcome<std::optional<std::string>> read_line(std::FILE* file, const std::string& origin) {
  std::string line;
  char block[8192];
  while (std::fgets(block, sizeof block, file) != nullptr) {
    line += block;
    if (line.size() > kMaxLine) {
      return tl::unexpected(
          wrong_use("cannot read " + origin, fmt::format("it is longer than {} bytes", kMaxLine)));
    }
    if (line.ends_with('\n')) break;
  }
  if (line.empty()) return std::optional<std::string>();
  line.erase(line.find_last_not_of("\r\n") + 1);
  return std::optional(std::move(line));
}

Outcome<int> submit_lines(const SubmitOptions& options, const Json& defaults, Batch& batch) {
  const bool from_stdin = options.from == "-";
  std::unique_ptr<std::FILE, Closer> file(from_stdin ? stdin
                                                     : std::fopen(options.from.c_str(), "rb"));
  if (!file) {
    return tl::unexpected(
        wrong_use("cannot read --from", options.from + ": " + std::strerror(errno)));
  }
  for (size_t number = 1;; ++number) {
    const std::string origin = fmt::format("line {}", number);
    auto line = read_line(file.get(), origin);
    if (!line) return tl::unexpected(line.error());
    if (!line->has_value()) break;
    if ((*line)->find_first_not_of(" \t") == std::string::npos) continue;
    auto packet = Json::parse(**line);
    if (!packet || !packet->is_object()) {
      const std::string why = packet ? "it is no JSON object" : packet.error().detail;
      return tl::unexpected(
          wrong_use("cannot read " + origin + " of " + options.from, why,
                    R"(one packet a line: {"requiredCapabilities":["ocr"],"payload":1})"));
    }
    auto added = batch.add(filled_in(std::move(*packet), defaults), origin);
    if (!added) return added;
  }
  return batch.flush();
}

Outcome<std::vector<std::filesystem::path>> files_below(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  std::error_code ec;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, ec);
  for (; !ec && at != fs::recursive_directory_iterator(); at.increment(ec)) {
    std::error_code ignored;
    if (at->is_regular_file(ignored) && !at->is_symlink(ignored)) files.push_back(at->path());
    if (files.size() > kMaxFiles) break;
  }
  if (ec) {
    return tl::unexpected(wrong_use("cannot read --from-dir", folder + ": " + ec.message()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

Outcome<int> submit_folder(const SubmitOptions& options, const Json& defaults, Batch& batch) {
  auto files = files_below(options.from_dir);
  if (!files) return tl::unexpected(files.error());
  if (files->empty()) {
    return tl::unexpected(wrong_use("nothing to submit", "no file below " + options.from_dir));
  }
  for (const auto& path : *files) {
    auto bytes = read_input(path.string(), kMaxContent, "cannot submit " + path.string());
    if (!bytes) return tl::unexpected(bytes.error());
    std::string type = options.packet.content_type;
    if (type.empty() && path.extension() != ".json") {
      type = valid_utf8(*bytes) ? "text/plain; charset=utf-8" : "application/octet-stream";
    }
    Json packet = defaults;
    if (!packet.has("name")) {
      packet.set("name", Json::string(path.lexically_relative(options.from_dir).string()));
    }
    auto placed = set_payload(packet, *bytes, type, path.string());
    if (!placed) return placed;
    auto added = batch.add(packet, path.string());
    if (!added) return added;
  }
  return batch.flush();
}

Outcome<int> await_results(Context& context, const SubmitOptions& options,
                           const std::vector<std::string>& ids) {
  const WaitEnd end = wait_end(options.wait);
  int exit_code = kExitDone;
  for (const std::string& id : ids) {
    auto packet = wait_for_packet(context, id, end, true);  // it took the packet
    if (!packet) return tl::unexpected(packet.error());
    const Outcome<int> done = (*packet)["status"].text() == "COMPLETED"
                                  ? print_result(context, id, ids.size() > 1)
                                  : Outcome<int>(tl::unexpected(ended_badly(*packet)));
    const int code = finish(context, done);
    if (exit_code == kExitDone) exit_code = code;
  }
  return exit_code;
}

Outcome<int> submit_one(Context& context, const SubmitOptions& options, const Json& document) {
  auto reply = context.api.post("cannot submit the packet", Target({"packets"}), document);
  if (!reply) return tl::unexpected(reply.error());
  const std::string id = reply->json["id"].text();
  if (options.wait.wait) return await_results(context, options, {id});
  print_answer(context, *reply, id, id);
  const std::string note = packet_note(reply->json);
  if (!note.empty() && context.out.live()) {
    context.out.remark(fmt::format("parked: {}", note));
  }
  return kExitDone;
}

Outcome<int> submit(Context& context, const SubmitOptions& options) {
  const bool many = !options.from.empty() || !options.from_dir.empty();
  if (!options.from.empty() && !options.from_dir.empty()) {
    return tl::unexpected(wrong_use("--from and --from-dir exclude each other"));
  }
  if (many && !options.packet.id.empty()) {
    return tl::unexpected(wrong_use("--id is for one packet", "--from and --from-dir make many",
                                    "put the ids into the lines of --from"));
  }
  if (!options.from_dir.empty() && options.packet.payload) {
    return tl::unexpected(wrong_use("--payload and --from-dir exclude each other",
                                    "with --from-dir each file is a payload"));
  }
  if (options.packet.required.empty() && options.from.empty()) {
    return tl::unexpected(wrong_use("--requires C,… is missing",
                                    "it says what the packet's owner must be able to do",
                                    "for example --requires ocr"));
  }
  PacketFlags flags = options.packet;
  if (!options.from_dir.empty()) flags.content_type.clear();
  auto document = packet_document(flags, wall_now_ms());
  if (!document) return tl::unexpected(document.error());
  if (!many) return submit_one(context, options, *document);

  // A line without capabilities is to be refused by the host, not to get [] from here.
  Json defaults = Json::object();
  for (const auto& [name, value] : document->members()) {
    if (name != "requiredCapabilities" || !flags.required.empty()) defaults.set(name, value);
  }
  Batch batch(context);
  batch.quiet_ids = options.wait.wait;
  auto sent = options.from.empty() ? submit_folder(options, defaults, batch)
                                   : submit_lines(options, defaults, batch);
  if (!sent) return sent;
  if (!options.wait.wait) return batch.exit_code;
  auto waited = await_results(context, options, batch.ids);
  if (!waited) return waited;
  return batch.exit_code != kExitDone ? batch.exit_code : *waited;
}

Outcome<Reply> create_once(Context& context, const manifest::App& app, const AppPacket& packet) {
  const auto body = packet_body(app, packet, wall_now_ms());
  if (!body) return tl::unexpected(body.error());
  return context.api.post("cannot create packet " + packet.id, Target({"packets"}), *body);
}

std::string numbered(int64_t number) { return fmt::format("packet-{:03}", number); }

// The least number that no packet has, if they were given one after the other.
Outcome<int64_t> first_free(Context& context) {
  const auto taken = [&](int64_t number) -> Outcome<bool> {
    const auto reply =
        context.api.get_any("cannot look for a free id", Target({"packets", numbered(number)}));
    if (!reply) return tl::unexpected(reply.error());
    return reply->status != 404;
  };
  int64_t free = 1;
  for (;; free *= 2) {
    const auto answer = taken(free);
    if (!answer) return tl::unexpected(answer.error());
    if (!*answer || free > kMostNumbered) break;
  }
  int64_t least = free / 2 + 1;
  while (least < free) {
    const int64_t middle = (least + free) / 2;
    const auto answer = taken(middle);
    if (!answer) return tl::unexpected(answer.error());
    if (*answer) {
      least = middle + 1;
    } else {
      free = middle;
    }
  }
  return free;
}

// As the original does it: each time another packet, and numbers for ids. Who asks at the same time
// may take a number first: then it is the next one.
Outcome<Reply> create_numbered(Context& context, const manifest::App& app, AppPacket* packet) {
  const auto free = first_free(context);
  if (!free) return tl::unexpected(free.error());
  for (int64_t number = *free;; ++number) {
    packet->id = numbered(number);
    auto reply = create_once(context, app, *packet);
    const bool taken = reply ? reply->status == 200 : reply.error().exit_code == kExitConflict;
    if (!taken || number >= *free + kNumberTries) return reply;
  }
}

// The packets of NAME, NAME.packet.yaml or NAME.yaml, here or in packets/.
Outcome<int> create_named(Context& context, const std::string& name) {
  std::string path;
  for (const char* folder : {"", "packets/"}) {
    for (const char* end : {"", ".packet.yaml", ".yaml"}) {
      const std::string candidate = folder + name + end;
      std::error_code error;
      if (path.empty() && std::filesystem::is_regular_file(candidate, error)) path = candidate;
    }
  }
  if (path.empty()) {
    return tl::unexpected(Failure{kExitNotFound, "cannot create packet " + name,
                                  fmt::format("there is no {0}, {0}.packet.yaml or {0}.yaml, here "
                                              "or in packets/",
                                              name),
                                  "from flags: phoenix packet submit --requires C,…", ""});
  }
  const auto app = load_for(context, {path, false}, "cannot create packet " + name);
  if (!app) return tl::unexpected(app.error());
  if (app->packets.empty()) {
    return tl::unexpected(
        wrong_use("cannot create packet " + name, path + " declares no FlightPacket"));
  }
  int code = kExitDone;
  for (AppPacket packet : app_packets(*app)) {
    const auto reply = create_numbered(context, *app, &packet);
    if (reply) {
      print_answer(context, *reply, packet.id, packet.id);
    } else {
      code = context.out.report(reply.error());
    }
  }
  return code;
}

Command submit_command(const std::string& path, const std::shared_ptr<SubmitOptions>& options) {
  Command command;
  command.path = path;
  command.summary = "hand in work; prints the id, with --wait the result alone";
  command.usage = "--requires C,… [--payload JSON|@FILE|-] [flags]";
  command.example =
      "phoenix packet submit --requires ocr --payload '{\"page\":1}' --wait=30s\n"
      "phoenix packet submit --requires words --payload @README.md --content-type text/plain\n"
      "phoenix packet submit --requires ocr --from pages.ndjson";
  add_packet_flags(command.flags, &options->packet);
  command.flags.push_back(text_flag("--from", "F.ndjson", &options->from,
                                    "many packets, one JSON object a line; - is stdin"));
  command.flags.push_back(
      text_flag("--from-dir", "DIR", &options->from_dir, "many packets, one for each file"));
  command.flags.push_back(
      wait_flag(&options->wait, "wait for the end and print the result; exit 7 when not in time"));
  command.run = [options](Context& context) { return finish(context, submit(context, *options)); };
  return command;
}

}  // namespace

void add_packet_submit(std::vector<Command>& table) {
  table.push_back(submit_command("packet submit", std::make_shared<SubmitOptions>()));

  const auto options = std::make_shared<SubmitOptions>();
  Command create = submit_command("packet create", options);
  create.summary = "a new packet of a file NAME.packet.yaml; without NAME as packet submit";
  create.usage = "NAME | --requires C,… [flags]";
  create.example = "phoenix packet create invoice";
  create.words_name = "NAME";
  create.words_max = 1;
  create.words = &options->words;
  create.run = [options](Context& context) {
    if (options->words.empty()) return finish(context, submit(context, *options));
    return finish(context, create_named(context, options->words[0]));
  };
  table.push_back(std::move(create));
}

}  // namespace phoenix::cli
