// What is signed of what is in hand: results and handoffs by the member, tickets by its host.
// Tickets (--tickets): one before CMD begins, and a fresh one each third of its life, for as long
// as CMD may go on. Who stops CMD asks for none any more, so the last one runs out by itself.

#include <algorithm>

#include "base/bytes_text.h"
#include "cli/worker/assignments.h"
#include "client/problem.h"
#include "lineage/form/shown_ticket.h"

namespace phoenix::worker {
namespace {

constexpr WallMs kOfferMs = 60'000;  // however far the clocks are apart, within reason
constexpr Duration kAskAgain = milliseconds(200);
// However short what is promised is, the host is not asked all the time.
constexpr Duration kRenewAtLeast = milliseconds(100);

// How long that ticket is good; nothing: it is none.
std::optional<Duration> life_of(std::string_view text) {
  const auto bytes = decode_base64(text);
  if (!bytes) return std::nullopt;
  const auto shown = lineage::decode<lineage::ShownTicket>(*bytes);
  if (!shown) return std::nullopt;
  const auto ticket = lineage::decode<lineage::Ticket>(shown->ticket);
  if (!ticket || ticket->expires_at <= ticket->issued_at) return std::nullopt;
  return milliseconds(ticket->expires_at - ticket->issued_at);
}

}  // namespace

// Deterministic for a result: a call that is repeated is the same call.
std::string Assignments::signature_of(const Work& work, const Verdict& verdict) const {
  if (!options_.key || identity_.pool.empty()) return {};
  std::string envelope;
  if (verdict.verb == "complete" || verdict.verb == "fail") {
    const auto end = verdict.verb == "fail" ? lineage::End::kFailed : lineage::End::kCompleted;
    const lineage::Completion said{identity_.pool,   identity_.ns, work.packet,   work.epoch,
                                   identity_.member, end,          verdict.result};
    envelope = lineage::sign(*options_.key, said);
  } else if (verdict.handoff) {
    lineage::HandoffOffer said;
    said.pool = identity_.pool;
    said.ns = identity_.ns;
    said.packet = work.packet;
    said.epoch = work.epoch;
    said.offer = "offer-" + std::to_string(work.epoch);
    said.giver = {identity_.member, identity_.incarnation};
    said.receiver = verdict.handoff->to;
    said.selector = verdict.handoff->required;
    said.expires_at = effects_.wall + kOfferMs;
    said.context = verdict.handoff->context;
    said.contract = work.contract;
    said.scopes = verdict.handoff->scopes.value_or(work.scopes);
    envelope = lineage::sign(*options_.key, said);
  }
  return envelope.empty() ? "" : ",\"signature\":\"" + base64_text(envelope) + "\"";
}

// The host has looked whether it fits; whoever is about to leave takes nothing new. An answer that
// is lost is nothing but a handoff that does not happen: its giver asks again.
void Assignments::offer(const JsonText& json) {
  const auto offer = read_offer(json, identity_.member);
  if (!offer || !options_.key || identity_.pool.empty()) return;
  std::string body = "{\"epoch\":" + std::to_string(offer->epoch);
  if (accepting_) {
    const lineage::HandoffAcceptance said{
        identity_.pool,      identity_.ns,   offer->packet_id,
        offer->epoch,        offer->offered, {identity_.member, identity_.incarnation},
        offer->said.context, effects_.wall};
    body += ",\"signature\":\"" + base64_text(lineage::sign(*options_.key, said)) + "\"}";
  } else {
    body += ",\"decline\":\"it is leaving\"}";
  }
  MakeCall make = packet_call(offer->packet_id, "accept", std::move(body));
  accepts_.insert(make.id);
  effects_.add(std::move(make));
}

bool Assignments::may_show_tickets(const Work& work) {
  const bool at_work = work.asking || work.phase == Phase::kRunning;
  return at_work && !work.dropped && !work.termed;
}

void Assignments::ask_ticket(Instant now, Work& work) {
  MakeCall make =
      packet_call(work.packet, "ticket", "{\"epoch\":" + std::to_string(work.epoch) + "}");
  work.ticket_call = make.id;
  work.ticket_url = effects_.url;
  work.ticket_at = kNever;
  work.ticket_asked = now;
  ticket_calls_[make.id] = work.number;
  effects_.add(std::move(make));
}

void Assignments::forget_ticket(Work& work) {
  work.ticket_at = kNever;
  work.asking = false;
  if (work.ticket_call == 0) return;
  effects_.add(CancelCall{work.ticket_call});
  ticket_calls_.erase(work.ticket_call);
  work.ticket_call = 0;
}

// False: the call was not made here.
bool Assignments::ticket_answered(Instant now, uint64_t call_id, const CallResult& result) {
  const auto open = ticket_calls_.find(call_id);
  if (open == ticket_calls_.end()) return false;
  Work& work = works_.at(open->second);
  ticket_calls_.erase(open);
  work.ticket_call = 0;
  if (!may_show_tickets(work)) return true;
  if (!result) {
    work.ticket_at = now + kAskAgain;
  } else if (!result->ok()) {
    ticket_refused(now, work, *result);
  } else {
    const auto body = JsonText::parse(result->body);
    const std::string text = body ? (*body)["ticket"].text() : std::string();
    const auto life = life_of(text);
    if (!life) {
      effects_.say(SayLevel::kError, "the host's ticket for " + work.packet + " cannot be read");
      work.ticket_at = now + kAskAgain;
      return true;
    }
    work.ticket_at = std::max(work.ticket_asked + Duration{life->ns / 3}, now + kRenewAtLeast);
    if (work.asking) {
      work.asking = false;
      work.input.ticket = text + "\n";
      begin(now, work);
    } else {
      effects_.add(WriteTicket{work.number, text + "\n"});
    }
  }
  return true;
}

// Who is told that the work is not its own any more stops; else CMD's own ticket runs out, unless
// another try succeeds.
void Assignments::ticket_refused(Instant now, Work& work, const Answer& answer) {
  const Error error = parse_problem(answer);
  const bool stale = error.kind == ErrorKind::kStaleEpoch || error.kind == ErrorKind::kNotOwner;
  if (stale) {
    effects_.tell("refused", work.packet, work.epoch,
                  "ticket " + std::string(kind_name(error.kind)));
    return drop(now, work, now + options_.kill_after);
  }
  const bool later = answer.status >= 500 || answer.status == 408 || answer.status == 429 ||
                     answer.status == 401 || (answer.status == 409 && error.retry_after_ms);
  if (later) {
    work.ticket_at = now + std::max(kAskAgain, milliseconds(error.retry_after_ms.value_or(0)));
    return;
  }
  effects_.say(SayLevel::kError, "no ticket for " + work.packet + ": " + error.detail);
  if (!work.asking) return;
  work.asking = false;
  report(now, work, refused_call(error.detail, kind_name(error.kind)));
}

}  // namespace phoenix::worker
