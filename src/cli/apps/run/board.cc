#include "cli/apps/run/board.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/apps/app_packets.h"
#include "cli/packets/packet_view.h"
#include "cli/table.h"
#include "manifest/app/never_works.h"

namespace phoenix::apps {
namespace {

using cli::Json;

constexpr size_t kClip = 70;
constexpr size_t kStoryLines = 20;  // of one packet

// One line of it, at most so many bytes, cut between characters.
std::string clipped(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  if (line.size() > kClip) {
    size_t end = kClip;
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
    line = line.substr(0, end) + "…";
  }
  return cli::harmless(line);
}

}  // namespace

bool BoardPacket::ended() const { return cli::is_ended_state(status); }

void Board::expect(const std::string& ns, const std::string& id) {
  BoardPacket& packet = packets_[id];
  packet.id = id;
  packet.ns = ns;
  packet.status = "PENDING";
}

std::vector<std::string> Board::update(const std::vector<Json>& packets) {
  std::vector<std::string> lines;
  for (const Json& seen : packets) {
    const std::string id = seen["id"].text();
    if (left_out_.contains(id)) continue;
    BoardPacket& packet = packets_[id];
    const BoardPacket before = packet;
    packet.id = id;
    packet.ns = seen["namespace"].text();
    packet.status = seen["status"].text();
    packet.declared = seen["labels"][cli::kDeclaredLabel].text();
    packet.owner = seen["owner"].text();
    packet.attempts = seen["attempts"].integer().value_or(0);
    packet.losses = seen["losses"].integer().value_or(0);
    packet.parked = seen["parked"]["reason"].text();
    packet.error = seen["lastError"]["message"].text();
    if (!packet.owner.empty()) packet.worker = packet.owner;
    std::string what;
    if (packet.attempts > before.attempts && !packet.error.empty()) {
      what = fmt::format("attempt {} failed: {}", packet.attempts, packet.error);
    } else if (packet.losses > before.losses) {
      what = fmt::format("lost its owner {}", before.owner.empty() ? "" : before.owner);
    } else if (!before.owner.empty() && !packet.owner.empty() && before.owner != packet.owner) {
      what = fmt::format("went from {} to {}", before.owner, packet.owner);
    }
    if (!what.empty() && packet.story.size() < kStoryLines) packet.story.push_back(what);
    if (!what.empty()) lines.push_back(id + " " + what);
    if (packet.status == before.status && packet.owner == before.owner) continue;
    lines.push_back(
        fmt::format("{} {}{}{}", id, packet.status, packet.owner.empty() ? "" : " ", packet.owner));
  }
  return lines;
}

void Board::begins(const std::string& packet, const std::string& worker) {
  const auto it = packets_.find(packet);
  if (it != packets_.end()) it->second.worker = worker;
}

bool Board::all_ended() const {
  return std::all_of(packets_.begin(), packets_.end(),
                     [](const auto& each) { return each.second.ended(); });
}

bool Board::nothing_moves() const {
  bool waits = false;
  for (const auto& [id, packet] : packets_) {
    if (packet.ended()) continue;
    const bool hopeless = packet.status == "PENDING" && (packet.parked == "no-capable-member" ||
                                                         packet.parked == "policy-denied");
    if (!hopeless) return false;
    waits = true;
  }
  return waits;
}

size_t Board::ended_count() const {
  return static_cast<size_t>(std::count_if(packets_.begin(), packets_.end(),
                                           [](const auto& each) { return each.second.ended(); }));
}

std::string Board::table(size_t rows, bool color) const {
  std::vector<const BoardPacket*> order;
  for (const auto& [id, packet] : packets_) order.push_back(&packet);
  std::sort(order.begin(), order.end(), [](const BoardPacket* a, const BoardPacket* b) {
    return std::pair(a->ended(), a->id) < std::pair(b->ended(), b->id);
  });
  cli::Table table({{"PACKET"}, {"STATUS"}, {"BY"}, {"NOTE"}});
  for (size_t i = 0; i < order.size() && i < rows; ++i) {
    const BoardPacket& packet = *order[i];
    const std::string& note = packet.parked.empty() ? packet.error : packet.parked;
    table.add({packet.id, packet.status, packet.worker, clipped(note)});
  }
  std::string out = table.render(false, color);
  if (order.size() > rows) out += fmt::format("and {} more\n", order.size() - rows);
  return out;
}

std::string summary_text(const Board& board, double seconds, bool color) {
  cli::Table table({{"PACKET"}, {"STATUS"}, {"BY"}, {"RESULT"}});
  size_t completed = 0;
  std::string stories;
  for (const auto& [id, packet] : board.packets()) {
    completed += packet.completed() ? 1 : 0;
    table.add({id, packet.status, packet.worker,
               clipped(packet.completed() ? packet.result : packet.error)});
    for (const std::string& line : packet.story) {
      stories += fmt::format("  {} {}\n", id, clipped(line));
    }
  }
  std::string out = table.empty() ? "" : table.render(false, color);
  if (!stories.empty()) out += "On the way:\n" + stories;
  const size_t total = board.packets().size();
  return out + fmt::format("{} of {} packets completed in {:.1f} s\n", completed, total, seconds);
}

Json summary_json(const manifest::App& app, const Board& board, double seconds) {
  Json packets = Json::array();
  int64_t completed = 0;
  for (const auto& [id, packet] : board.packets()) {
    completed += packet.completed() ? 1 : 0;
    Json row = Json::object();
    row.set("id", Json::string(id)).set("namespace", Json::string(packet.ns));
    row.set("status", Json::string(packet.status)).set("by", Json::string(packet.worker));
    row.set("attempts", Json::number(packet.attempts)).set("losses", Json::number(packet.losses));
    row.set("parked", packet.parked.empty() ? Json() : Json::string(packet.parked));
    row.set("error", packet.error.empty() ? Json() : Json::string(packet.error));
    row.set("story", Json::strings(packet.story));
    packets.push(std::move(row));
  }
  Json out = Json::object();
  out.set("app", Json::string(app.name));
  out.set("packets", std::move(packets));
  out.set("completed", Json::number(completed));
  out.set("total", Json::number(static_cast<int64_t>(board.packets().size())));
  out.set("seconds", Json::raw_number(fmt::format("{:.3f}", seconds)));
  return out;
}

std::vector<std::string> why_stuck(const manifest::App& app, const Board& board) {
  std::vector<std::string> out;
  for (const auto& [id, packet] : board.packets()) {
    if (packet.ended()) continue;
    std::string line = fmt::format("{} is parked: {}", id, packet.parked);
    for (const manifest::Packet& declared : app.packets) {
      if (packet.declared != declared.name || packet.ns != declared.ns) continue;
      std::string reasons;
      for (const manifest::Agent& agent : app.agents) {
        const std::string why = manifest::why_not(app, agent, declared);
        if (!why.empty()) reasons += (reasons.empty() ? "" : "; ") + agent.name + " " + why;
      }
      if (!reasons.empty()) line += " (" + reasons + ")";
      break;
    }
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace phoenix::apps
