// Finds the route of a request by its path and method. The table is fixed at the start.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/rest_call.h"

namespace phoenix {

struct RouteMatch {
  const Route* route = nullptr;         // null: the path is known, the method is not
  std::vector<std::string> parameters;  // percent-decoded
  std::string allow;                    // methods of the path, where route is null
};

class Router {
 public:
  explicit Router(std::vector<Route> routes);

  // nullopt: no such path.
  std::optional<RouteMatch> find(std::string_view method, std::string_view path) const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  std::vector<Route> routes_;
  std::vector<std::vector<std::string_view>> patterns_;  // segments, in step with routes_
};

// The whole table.
Router make_router();

// 404, 405 with Allow, 415 with the hint for curl: what can be refused on the head alone.
std::optional<Error> check_head(const RouteMatch* match, const HttpHead& head);

}  // namespace phoenix
