#include "cli/demo/talk/follower.h"

#include "cli/demo/work.h"
#include "cli/table.h"
#include "client/json_text.h"

namespace phoenix::demo {
namespace {

constexpr Duration kAgain = milliseconds(20);

uint64_t number(const JsonText& json) { return static_cast<uint64_t>(json.integer().value_or(0)); }

}  // namespace

Follower::Follower(EventLoop& loop, HostCalls& calls, Ledger& ledger, std::string tag,
                   std::string after, Events events)
    : calls_(calls),
      ledger_(ledger),
      tag_(std::move(tag)),
      after_(std::move(after)),
      events_(std::move(events)),
      again_(loop) {}

void Follower::follow() {
  Call call;
  call.target = "/v1/events?from=" + after_;
  call.url = calls_.url();
  AsyncClient::StreamSink sink;
  sink.event = [this](const SseEvent& event) { take(event); };
  sink.refused = [this](const Answer&) { follow_later(); };
  sink.broken = [this](const CallFailure&) { follow_later(); };
  stream_ = calls_.next_id();
  calls_.client().open_stream(stream_, call, std::move(sink));
}

void Follower::follow_elsewhere() {
  again_.cancel();
  calls_.client().cancel(stream_);
  follow();
}

void Follower::follow_later() {
  again_.call_after(kAgain, [this] { follow(); });
}

void Follower::take(const SseEvent& event) {
  const auto json = JsonText::parse(event.data);
  if (!event.id.empty()) after_ = event.id;
  if (event.type == "gap" || !json) {
    events_.fault("the host's event log has a gap before position " + event.id);
    return;
  }
  const JsonText data = (*json)["data"];
  if ((*json)["subject"].text().starts_with("members/")) {
    ledger_.member_event({data["id"].text(), data["event"].text(), data["reason"].text(),
                          cli::parse_time((*json)["time"].text())});
    return;
  }
  PacketEvent out;
  out.id = data["id"].text();
  if (!packet_number(out.id, tag_)) return;
  out.event = data["event"].text();
  out.epoch = number(data["epoch"]);
  out.revision = number(data["revision"]);
  out.owner = data["owner"].text();
  out.from = data["from"].text();
  out.to = data["to"].text();
  out.reason = data["reason"].text();
  out.at = cli::parse_time((*json)["time"].text());
  ledger_.packet_event(out);
  events_.packet(out);
}

}  // namespace phoenix::demo
