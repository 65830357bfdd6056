// The packets of an app, between its files and a host: as bodies of calls, submitted many at a
// time, and found again by the label that names their app.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/api.h"
#include "cli/context.h"
#include "manifest/app/model.h"

namespace phoenix::cli {

inline constexpr const char* kAppLabel = "phoenixflight.io/app";
// Beside it, of what stands in the app's files: the name there.
inline constexpr const char* kDeclaredLabel = "phoenixflight.io/declared";

// The host, asked in one namespace after the other. Not copied: its connections are kept. Used from
// one thread.
class AppHost {
 public:
  // `url`: instead of those of the global flags, unless empty.
  AppHost(const Globals& globals, const std::string& url, Output* out);
  Api& in(const std::string& ns);
  // The same host for another thread.
  AppHost another() const { return {globals_, "", out_}; }

 private:
  struct Space {
    Globals globals;  // the Api refers to it
    std::unique_ptr<Api> api;
  };
  Globals globals_;
  Output* out_;
  std::map<std::string, Space> spaces_;
};

// Its own, and those of what it declares.
std::set<std::string> namespaces_of(const manifest::App& app);

// {"phoenixflight.io/app": …} and what the app and one of its agents or packets have of their own.
Json app_labels(const manifest::App& app, const manifest::Pairs& own, const std::string& name);

// One packet to be, of a declaration with replicas one of several.
struct AppPacket {
  const manifest::Packet* declared = nullptr;
  std::string id;
};
std::vector<AppPacket> app_packets(const manifest::App& app);

// What POST /v1/packets takes. `now_ms`: for deadlines that count from now.
Outcome<Json> packet_body(const manifest::App& app, const AppPacket& packet, int64_t now_ms);

// What became of one of a batch.
struct Submitted {
  AppPacket packet;
  int status = 0;       // 201 made, 200 was there with the same content, else refused
  std::string problem;  // why; the host's words
};
// In batches of 1,000; `progress` is told how many are through.
Outcome<std::vector<Submitted>> submit_all(AppHost& host, const manifest::App& app,
                                           const std::vector<AppPacket>& packets,
                                           const std::function<void(size_t)>& progress);

// All "packets" or "members" with the app's label, in the namespaces that it uses.
Outcome<std::vector<Json>> list_labelled(AppHost& host, const manifest::App& app,
                                         const std::string& things, const std::string& what);
// Packets come without their contents, in the order of their making.
Outcome<std::vector<Json>> list_app_packets(AppHost& host, const manifest::App& app);

}  // namespace phoenix::cli
