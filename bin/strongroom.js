#!/usr/bin/env node
import '../dist/command/strongroom.js';
