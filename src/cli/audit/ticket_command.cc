#include "cli/audit/ticket_command.h"

#include <fmt/format.h>

#include <memory>
#include <optional>

#include "base/bytes_text.h"
#include "cli/context.h"
#include "cli/keys/key_files.h"
#include "cli/table.h"
#include "lineage/form/shown_ticket.h"

namespace phoenix::cli {
namespace {

struct TicketOptions {
  std::string keys;
  std::optional<int64_t> seen;
  std::optional<std::string> now;
};

constexpr size_t kMaxTicketFile = 64 * 1024;
constexpr const char* kWhat = "cannot verify the ticket";

Failure bad(const std::string& code, const std::string& detail) {
  Json document = Json::object();
  document.set("good", Json::boolean(false))
      .set("code", Json::string(code))
      .set("detail", Json::string(detail));
  Failure told;
  told.exit_code = kExitUnverified;
  told.what = "the ticket is not good: " + code;
  told.why = harmless(detail);
  told.next = "do not apply what its owner asks for";
  told.document = document.dump();
  return told;
}

Json ticket_document(const lineage::Ticket& ticket, WallMs now) {
  Json scopes = Json::array();
  for (const std::string& scope : ticket.scopes) scopes.push(Json::string(scope));
  Json document = Json::object();
  document.set("good", Json::boolean(true))
      .set("pool", Json::string(ticket.pool))
      .set("namespace", Json::string(ticket.ns))
      .set("packet", Json::string(ticket.packet))
      .set("epoch", Json::number(static_cast<int64_t>(ticket.epoch)))
      .set("owner", Json::string(ticket.owner.id))
      .set("incarnation", Json::number(static_cast<int64_t>(ticket.owner.incarnation)))
      .set("scopes", std::move(scopes))
      .set("leftMs", Json::number(ticket.expires_at - now));
  return document;
}

std::string sheet(const lineage::Ticket& ticket, WallMs now, bool color) {
  std::string scopes;
  for (const std::string& scope : ticket.scopes) {
    scopes += (scopes.empty() ? "" : ", ") + harmless(scope);
  }
  return render_sheet(
      {{"Packet", fmt::format("{}/{}, epoch {}", ticket.ns, ticket.packet, ticket.epoch)},
       {"Owner", fmt::format("{}, incarnation {}", ticket.owner.id, ticket.owner.incarnation)},
       {"Pool", ticket.pool},
       {"Scopes", scopes.empty() ? "none" : scopes},
       {"Good for", fmt::format("{} ms more", ticket.expires_at - now)}},
      color);
}

Outcome<WallMs> moment(const TicketOptions& options) {
  if (!options.now) return wall_now_ms();
  const int64_t at = parse_time(*options.now);
  if (at >= 0) return at;
  return tl::unexpected(wrong_use(kWhat, "--now: \"" + harmless(*options.now) + "\" is no time",
                                  "give it like 2026-01-02T03:04:05.678Z"));
}

Outcome<int> verify(Context& context, const TicketOptions& options, const std::string& path) {
  const auto keys = trusted_keys(options.keys, kWhat);
  if (!keys) return tl::unexpected(keys.error());
  const auto now = moment(options);
  if (!now) return tl::unexpected(now.error());
  auto text = read_input(path, kMaxTicketFile, kWhat);
  if (!text) return tl::unexpected(text.error());
  while (text->ends_with('\n')) text->pop_back();
  const auto bytes = base64_bytes(*text);
  if (!bytes) return tl::unexpected(bad("bad-form", "a ticket is one line of base64"));
  const auto shown = lineage::decode<lineage::ShownTicket>(*bytes);
  if (!shown) return tl::unexpected(bad(shown.error().reason_code, shown.error().detail));
  const auto ticket =
      lineage::check_ticket(*shown, *keys, *now, static_cast<uint64_t>(options.seen.value_or(0)));
  if (!ticket) return tl::unexpected(bad(ticket.error().reason_code, ticket.error().detail));
  print_answer(context, ticket_document(*ticket, *now), "good",
               sheet(*ticket, *now, context.out.color()));
  return kExitDone;
}

}  // namespace

void add_ticket_verify(std::vector<Command>& table) {
  const auto options = std::make_shared<TicketOptions>();
  const auto words = std::make_shared<std::vector<std::string>>();
  Command command;
  command.path = "ticket verify";
  command.summary = "whether a member owns a packet until a moment to come; needs no host";
  command.usage = "FILE|- --keys DIR [--seen-epoch N] [--now TIME]";
  command.detail =
      "FILE is what a member shows: the ticket of an answer, or a worker's PHOENIX_TICKET_FILE.\n"
      "Trusts nothing but the public keys in DIR (*.pub) and this machine's clock. Who remembers\n"
      "the highest epoch of each packet gives it as --seen-epoch, and no former owner gets by.\n"
      "Exit 6 if the ticket is not good.";
  command.example = "phoenix ticket verify ticket --keys keys --seen-epoch 3";
  command.flags.push_back(trusted_keys_flag(&options->keys));
  command.flags.push_back(optional_number_flag("--seen-epoch", "N", &options->seen, 0, INT64_MAX,
                                               "the highest epoch seen of that packet (0)"));
  command.flags.push_back(optional_text_flag("--now", "TIME", &options->now,
                                             "judge it as of then (default: this moment)"));
  command.words_name = "FILE";
  command.words_min = command.words_max = 1;
  command.words = words.get();
  command.run = [options, words](Context& context) {
    return finish(context, verify(context, *options, words->front()));
  };
  table.push_back(std::move(command));
}

}  // namespace phoenix::cli
